"""The IP allowlist: how the client's address is determined, and what a refusal costs."""

from collections.abc import Callable
from typing import Any

import pytest

from apikeys.restrictions import InvalidRestriction, parse_networks, parse_origins
from apikeys.services import IssuedKey
from tests.clients import ApiClient
from tests.factories import World


@pytest.fixture
def listed(world: World, issue_key: Callable[..., IssuedKey]) -> IssuedKey:
    return issue_key(world.company, allowed_networks=["203.0.113.0/24", "2001:db8::/48", "198.51.100.7"])


@pytest.mark.parametrize(
    ("ip", "status"),
    [
        ("203.0.113.9", 200),
        ("::ffff:203.0.113.9", 200),
        ("2001:db8:0:1::5", 200),
        ("198.51.100.7", 200),
        ("198.51.100.8", 403),
        ("203.0.114.1", 403),
        ("2001:db9::1", 403),
        ("::ffff:198.51.100.8", 403),
    ],
)
def test_only_listed_addresses_pass_and_mapped_ones_are_unmapped(
    listed: IssuedKey, api: Callable[..., ApiClient], ip: str, status: int
) -> None:
    answer = api(listed.client_secret, ip=ip).get("/v1/whoami")
    assert answer.status == status
    if status == 403:
        assert answer.code == "ip_not_allowed"
        assert answer.headers["RateLimit-Policy"] == '"address";q=20;w=60'


def test_forwarded_headers_of_untrusted_peers_are_ignored(
    listed: IssuedKey, api: Callable[..., ApiClient]
) -> None:
    for headers in (
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "203.0.113.9"},
        {"X-Client-IP": "203.0.113.9"},
    ):
        assert api(listed.client_secret).get("/v1/whoami", headers=headers).status == 403


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        ("10.0.0.1", "203.0.113.9", 200),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", 200),
        # What the client wrote stands left of what the proxy wrote.
        ("10.0.0.1", "203.0.113.9, 198.51.100.9", 403),
        ("10.0.0.1", "198.51.100.9, 203.0.113.9", 200),
        ("10.0.0.1", "garbage, 203.0.113.9", 200),
        ("10.0.0.1", "203.0.113.9, garbage", 403),
        ("10.0.0.1", "", 403),
        ("198.51.100.1", "203.0.113.9", 403),
    ],
)
def test_behind_trusted_proxies_the_address_is_read_from_the_right(
    listed: IssuedKey, api: Callable[..., ApiClient], settings: Any, peer: str, forwarded: str, status: int
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/24"]
    answer = api(listed.client_secret, ip=peer).get("/v1/whoami", headers={"X-Forwarded-For": forwarded})
    assert answer.status == status


def test_request_refused_by_address_costs_the_key_no_token(
    listed: IssuedKey, api: Callable[..., ApiClient]
) -> None:
    inside, outside = api(listed.client_secret, ip="203.0.113.20"), api(listed.client_secret)
    before = int(inside.get("/v1/whoami").headers["X-RateLimit-Remaining"])
    for _ in range(5):
        assert outside.get("/v1/whoami").status == 403
    assert int(inside.get("/v1/whoami").headers["X-RateLimit-Remaining"]) >= before - 1


@pytest.mark.parametrize(
    ("entries", "canonical"),
    [
        (["203.0.113.7"], ["203.0.113.7/32"]),
        ([" 10.0.0.0/8 ", "10.0.0.0/8"], ["10.0.0.0/8"]),
        (["2001:DB8::1"], ["2001:db8::1/128"]),
        (["::ffff:10.0.0.0/104"], ["10.0.0.0/8"]),
    ],
)
def test_ranges_are_stored_in_their_canonical_form(entries: list[str], canonical: list[str]) -> None:
    assert parse_networks(entries) == canonical


@pytest.mark.parametrize(
    "entry", ["10.0.0.5/8", "10.0.0.0/33", "example.com", "", "10.0.0.0 - 10.0.0.9", "1" * 500]
)
def test_invalid_networks_are_refused(entry: str) -> None:
    with pytest.raises(InvalidRestriction):
        parse_networks([entry])


@pytest.mark.parametrize(
    ("entry", "canonical"),
    [
        ("https://App.Example.com", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("https://app.example.com:8443", "https://app.example.com:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://*.example.com", "https://*.example.com"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("*", "*"),
    ],
)
def test_origins_are_stored_in_the_form_browsers_send(entry: str, canonical: str) -> None:
    assert parse_origins([entry]) == [canonical]


@pytest.mark.parametrize(
    "entry",
    [
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://app.example.com?x",
        "https://user@app.example.com",
        "http://app.example.com",
        "https://*.com",
        "https://*",
        "https://a.*.example.com",
        "https://*example.com",
        "https://*.203.0.113.7",
        "https://exa mple.com",
        "https://-a.example.com",
        "javascript:alert(1)",
        "null",
        "https://app.example.com:99999",
        "",
    ],
)
def test_invalid_origins_are_refused(entry: str) -> None:
    with pytest.raises(InvalidRestriction):
        parse_origins([entry])
