"""Out-of-range settings are refused at start-up rather than silently clamped."""

from typing import Any

import pytest

from core.checks import check_settings


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AUDIT_SIGN_SECONDS", 301.0, "AUDIT_SIGN_SECONDS is 301.0: use 0 to 300."),
        ("AUDIT_SIGN_SECONDS", float("nan"), "AUDIT_SIGN_SECONDS is nan: use 0 to 300."),
        ("AUDIT_RETENTION_DAYS", 0, "AUDIT_RETENTION_DAYS is 0: use 1 to 36500."),
        ("API_KEY_BCRYPT_ROUNDS", 32, "API_KEY_BCRYPT_ROUNDS is 32: use 4 to 31."),
        ("BODY_TIMEOUT_SECONDS", 0.0, "BODY_TIMEOUT_SECONDS is 0.0: use 0.1 to 3600."),
        ("EMAIL_TIMEOUT", 0, "EMAIL_TIMEOUT_SECONDS is 0: use 1 to 600."),
        ("GATEWAY_TIMEOUT_SECONDS", 0.0, "GATEWAY_TIMEOUT_SECONDS is 0.0: use 0.1 to 600."),
        ("WEBHOOK_CONCURRENCY", 0, "WEBHOOK_CONCURRENCY is 0: use 1 to 100000."),
        ("WEBHOOK_LEASE_SECONDS", 15.0, "WEBHOOK_LEASE_SECONDS is 15.0: calls that take longer are sent twice."),
    ],
)  # fmt: skip
def test_out_of_range_setting_is_refused_at_startup(
    settings: Any, name: str, value: float, message: str
) -> None:
    assert check_settings(None) == []

    setattr(settings, name, value)

    assert [one.msg for one in check_settings(None)] == [message]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("pomelo.example.com", "it must begin with https:// (or http://, without TLS on this machine)"),
        ("ftp://pomelo.example.com", "it must begin with https:// (or http://, without TLS on this machine)"),
        ("", "it must begin with https:// (or http://, without TLS on this machine)"),
        ("https://", "it has no valid host"),
        ("https://:8443", "it has no valid host"),
        *(
            (f"https://{host}", "it has no valid host")
            for host in (
                "pomelo example.com",
                "pomelo.example.com\\evil.example",  # a browser goes to what is before the backslash
                "pomelo.example.com:",
                "pomelo..example.com",
                "-.example.com",
                "*.example.com",
                ".",
                "a.example,https:",
                "a.example%2f",
                "pömelo.example",
                "pomelo.example.com\n",
                'a"><script>.example',
                "[::1%25eth0]",
            )
        ),
        (
            "HTTPS://Pomelo.example.com",
            "it has capital letters, but the origins that browsers send have none",
        ),
        ("https://pomelo.example.com:0", "it has no valid host"),
        ("https://pomelo.example.com:99999", "it is not a URL (Port out of range 0-65535)"),
        ("https://[2001:db8::1", "it is not a URL (Invalid IPv6 URL)"),
        ("https://ada@pomelo.example.com", "it contains a user name, which every link would show"),
        *(
            (
                f"https://pomelo.example.com{more}",
                "it has a path, a query or a fragment, but Pomelo is served at the root of its host",
            )
            for more in ("/pomelo", "?a=b", "?", "#top")
        ),
        ("http://pomelo.example.com", "it begins with http://, but plain HTTP is refused (REQUIRE_HTTPS)"),
    ],
)
def test_invalid_public_url_is_refused_with_advice(settings: Any, url: str, message: str) -> None:
    settings.REQUIRE_HTTPS, settings.PUBLIC_URL = True, url

    (found,) = check_settings(None)

    assert (found.id, found.msg) == ("pomelo.E017", f"PUBLIC_URL is {url!r}: {message}.")
    assert found.hint == (
        "Set it to the scheme and host at which people reach Pomelo, for example https://pomelo.example.com."
    )


@pytest.mark.parametrize(
    ("url", "https"),
    [
        ("https://pomelo.example.com", True),
        ("https://pomelo.example.com:8443", True),
        ("https://[2001:db8::1]:8443", True),
        ("https://203.0.113.7", True),
        ("https://xn--pmelo-jua.example", True),
        ("http://pomelo:8000", False),
        ("http://localhost:8000", False),
    ],
)
def test_public_url_with_scheme_and_host_is_accepted(settings: Any, url: str, https: bool) -> None:
    settings.REQUIRE_HTTPS, settings.PUBLIC_URL = https, url

    assert check_settings(None) == []
