"""Ambiguous header names, repeated headers and cache-filling texts affect no decision.

With a real server, because it is the one that merges names. Each client is at 127.0.0.1, which is the trusted proxy: what it
forwards and what it writes itself arrive on the same connection, as behind a real one.
"""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apikeys.services import IssuedKey
from billing.export import faces
from billing.export.coverage import LATIN
from core.http.addresses import client_address, forwarded_scheme
from messaging.templating import parse as parse_template
from tests.attacks.wire import head, talk
from tests.clients import ApiClient
from tests.factories import World
from tests.live import web_process

ALLOWED = "203.0.113.7"
STRANGER = "198.51.100.66"


@pytest.fixture(scope="module")
def web() -> Iterator[Any]:
    environment = {"TRUSTED_PROXIES": "127.0.0.1/32", "REQUIRE_HTTPS": "true"}
    with web_process(threads=2, environment=environment, is_forked=True) as server:
        yield server


@pytest.fixture
def secret(world: World, issue_key: Callable[..., IssuedKey]) -> Any:
    return issue_key(world.company, ["customers:write"], allowed_networks=[f"{ALLOWED}/32"]).client_secret


def ask(web: Any, secret: Any, *headers: Any) -> Any:
    reply = talk(
        web.port, head("GET /v1/whoami", "Host: localhost", f"Authorization: Bearer {secret}", *headers)
    )
    found = reply.raw.partition(b'"code":"')[2].partition(b'"')[0].decode()
    return reply.status, found or None


PROXY = ("X-Forwarded-Proto: https", f"X-Forwarded-For: {STRANGER}")


def test_trusted_proxy_header_is_used(web: Any, secret: Any) -> None:
    assert ask(web, secret, "X-Forwarded-Proto: https", f"X-Forwarded-For: {ALLOWED}") == (200, None)
    assert ask(web, secret, *PROXY) == (403, "ip_not_allowed")


@pytest.mark.parametrize("name", ["X_Forwarded_For", "X-Forwarded_For", "x_forwarded-for", "X_FORWARDED_FOR"])
@pytest.mark.parametrize("order", ["before", "after", "around"])
def test_underscored_header_never_replaces_the_proxys_address(
    web: Any, secret: Any, name: str, order: str
) -> None:
    forged = f"{name}: {ALLOWED}"
    lines = {
        "before": (forged, *PROXY),
        "after": (*PROXY, forged),
        "around": (forged, *PROXY, forged),
    }[order]
    assert ask(web, secret, *lines) == (403, "ip_not_allowed")


@pytest.mark.parametrize("name", ["X_Forwarded_Proto", "X-Forwarded_Proto", "x_forwarded_proto"])
@pytest.mark.parametrize("own", [(), ("X-Forwarded-Proto: http",)])
def test_underscored_header_never_makes_plain_http_secure(web: Any, secret: Any, name: str, own: Any) -> None:
    for lines in ((*own, f"{name}: https"), (f"{name}: https", *own)):
        assert ask(web, secret, *lines, f"X-Forwarded-For: {ALLOWED}") == (403, "https_required")


def test_underscored_address_does_not_evade_the_failure_limit(web: Any) -> None:
    codes = set()
    for number in range(30):
        codes.add(
            ask(
                web,
                "pm_live_wrong",
                "X-Forwarded-Proto: https",
                "X-Forwarded-For: 192.0.2.77",
                f"X_Forwarded_For: 192.0.2.{100 + number}",
            )[1]
        )
    assert "too_many_failures" in codes


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Proto", "Host", "Authorization", "Idempotency-Key", "Content-Type", "Origin"]
)
def test_repeated_single_value_header_is_refused(web: Any, secret: Any, name: str) -> None:
    values = {"Host": "localhost", "Authorization": f"Bearer {secret}", "X-Forwarded-Proto": "https"}
    value = values.get(name, "x")
    lines = [
        "X-Forwarded-Proto: https",
        f"X-Forwarded-For: {ALLOWED}",
        f"{name}: {value}",
        f"{name}: {value}",
    ]
    assert ask(web, secret, *lines) == (400, "invalid_request")


def test_repeated_list_headers_are_joined_in_order(web: Any, secret: Any) -> None:
    """The proxy's line stands last (RFC 9110 §5.3), whatever the client sent before it."""
    secure = "X-Forwarded-Proto: https"
    assert ask(web, secret, secure, f"X-Forwarded-For: {ALLOWED}", f"X-Forwarded-For: {STRANGER}") == (
        403,
        "ip_not_allowed",
    )
    assert ask(web, secret, secure, f"X-Forwarded-For: {STRANGER}", f"X-Forwarded-For: {ALLOWED}") == (
        200,
        None,
    )


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Proto", "Authorization", "Host"])
def test_unparsable_header_line_is_refused_not_skipped(web: Any, secret: Any, name: str) -> None:
    given = {"X-Forwarded-Proto": "https", "X-Forwarded-For": ALLOWED}
    given.pop(name, None)
    lines = [f"{header}: {value}" for header, value in given.items()]
    reply = talk(web.port, head("GET /v1/whoami", f"{name}: \xff{ALLOWED}", *lines))
    # A credential that is not ASCII is a wrong one; everything else is a malformed request.
    assert reply.status == (401 if name == "Authorization" else 400)


def test_process_environment_is_not_visible_to_a_request(web: Any, secret: Any) -> None:
    """Some servers merge it into the same dictionary that headers are in."""
    from config.door.environ import build_environ

    class Scope:
        client, server, path, query_string, scheme, method = (
            "127.0.0.1:1",
            "127.0.0.1:2",
            "/",
            "",
            "http",
            "GET",
        )
        http_version, authority = "1.1", None

        class headers:  # noqa: N801 - granian's name
            items = staticmethod(list)
            __len__ = lambda self: 0  # noqa: E731

        headers = headers()

    assert set(build_environ(Scope, "/")) == {
        "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "REQUEST_METHOD", "SCRIPT_NAME", "SERVER_NAME", "SERVER_PORT",
        "SERVER_PROTOCOL", "wsgi.errors", "wsgi.input", "wsgi.multiprocess", "wsgi.multithread", "wsgi.run_once",
        "wsgi.url_scheme", "wsgi.version",
    }  # fmt: skip


def texts_kept(size: int) -> int:
    """Count the texts of about this many bytes that were made since tracemalloc began and are still held.

    What other threads make in the meantime is of other sizes, and so counts for nothing.
    """
    gc.collect()  # what waits for the collector is not kept
    return sum(size <= trace.size < size + 200 for trace in tracemalloc.take_snapshot().traces)


def test_unauthenticated_requests_do_not_fill_memory(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1/32"]
    tracemalloc.start()
    try:
        for number in range(50):
            for text in (f"{number}," + "x" * 60_000 + f", 192.0.2.{number}", "y" * 60_000 + str(number)):
                assert client_address({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": text})
        held = texts_kept(60_000)
        del text
        kept = texts_kept(60_000)
    finally:
        tracemalloc.stop()
    assert (held, kept) == (1, 0)  # the one at hand shows that the count sees what is held


def test_accept_headers_are_not_kept_in_memory(
    api: Callable[..., ApiClient], issue_key: Callable[..., IssuedKey], world: World
) -> None:
    client = api(issue_key(world.company, ["customers:read"]).client_secret)
    client.get("/v1/customers")
    tracemalloc.start()
    try:
        for number in range(25):
            accept = f"text/{number}" + "x" * 200_000 + ", */*"
            assert client.get("/v1/customers", headers={"Accept": accept}).status == 200
        del accept
        kept = texts_kept(200_000)
    finally:
        tracemalloc.stop()
    assert kept == 0


def test_template_sources_are_not_kept_in_memory() -> None:
    tracemalloc.start()
    try:
        for number in range(20):
            parse_template(f"{number} {{{{ name }}}}" + "x" * 100_000)
        kept = texts_kept(100_000)
    finally:
        tracemalloc.stop()
    assert kept == 0


def test_large_font_subsets_are_not_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "MOST_REMEMBERED", 50)
    remembered = faces._remembered_cut.cache_info
    first = remembered().currsize

    sizes = []
    for many in (40, 60):
        faces._cut(LATIN, frozenset(range(0x20, 0x20 + many)))
        sizes.append(remembered().currsize - first)

    assert sizes == [1, 1]


# --- RFC 7239 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "address", "scheme"),
    [
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60", "http"),
        ("For=192.0.2.60;PROTO=HTTPS", "192.0.2.60", "https"),
        ('for="[2001:db8:cafe::17]:4711";proto=https', "2001:db8:cafe::17", "https"),
        ("for=192.0.2.43, for=198.51.100.17;proto=https", "198.51.100.17", "https"),
        ("for=192.0.2.43;proto=https, for=10.0.0.9;proto=http", "192.0.2.43", "http"),
        ('for="192.0.2.43, for=10.0.0.9";proto=https', "10.0.0.1", "https"),
        ('for="192.0.2.43;proto=https"', "10.0.0.1", ""),
        ("for=_hidden;proto=https", "10.0.0.1", "https"),
        ("for=unknown", "10.0.0.1", ""),
        ("for=192.0.2.43;for=203.0.113.7;proto=https", "10.0.0.1", ""),
        ("nonsense", "10.0.0.1", ""),
        ('for="192.0.2.43', "10.0.0.1", ""),
        ("", "10.0.0.1", ""),
    ],
)
def test_forwarded_header_is_parsed_per_rfc_7239(
    settings: Any, header: str, address: str, scheme: str
) -> None:
    settings.TRUSTED_PROXIES, settings.FORWARDED_HEADER = ["10.0.0.0/24"], "forwarded"
    meta = {
        "REMOTE_ADDR": "10.0.0.1",
        "HTTP_FORWARDED": header,
        # Whoever believes one must not be told by the other.
        "HTTP_X_FORWARDED_FOR": "203.0.113.99",
        "HTTP_X_FORWARDED_PROTO": "https",
    }
    assert (client_address(meta), forwarded_scheme(meta)) == (address, scheme)


def test_forwarded_header_is_ignored_unless_configured(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/24"]
    meta = {"REMOTE_ADDR": "10.0.0.1", "HTTP_FORWARDED": "for=203.0.113.7;proto=https"}
    assert (client_address(meta), forwarded_scheme(meta)) == ("10.0.0.1", "")
