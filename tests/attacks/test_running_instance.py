"""Attacks on a running Pomelo that need neither an account nor a key, over the network.

`make attack TARGET=https://pomelo.example.com` tries it on that one; otherwise a server is started as `make run` starts it.
Nothing here changes anything there.
"""

import os
from collections.abc import Iterator, Mapping

import pytest
import requests

from tests.live import web_process

TARGET = os.environ.get("ATTACK_TARGET", "").rstrip("/")
PAGES = ["/accounts/login/", "/accounts/signup/", "/found-key/", "/nothing-here"]
REFUSED = {400, 401, 403, 404, 405, 413, 415, 421, 429, 431}


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """The address of the Pomelo that is attacked."""
    if TARGET:
        yield TARGET
        return
    with web_process(is_forked=True) as web:
        yield web.url


def ask(
    target: str,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    data: bytes | None = None,
) -> requests.Response:
    return requests.request(
        method, target + path, headers=dict(headers or {}), data=data, timeout=30, allow_redirects=False
    )


@pytest.mark.parametrize("path", PAGES)
def test_pages_run_no_foreign_scripts_and_cannot_be_framed(target: str, path: str) -> None:
    headers = ask(target, path).headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


@pytest.mark.parametrize(
    "path", ["/staff/", "/staff/accounts/user/?password__regex=^", "/keys/", "/audit/", "/webhooks/"]
)
def test_anonymous_visitor_sees_no_company_pages(target: str, path: str) -> None:
    answer = ask(target, path)

    assert answer.status_code == 302
    assert "login" in answer.headers["Location"]


@pytest.mark.parametrize(
    "path", ["/v1/whoami", "/v1/customers", "/v1/webhook_endpoints", "/v1/audit_entries", "/v1/request_logs"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nothing"},
        {"Authorization": "Basic Og=="},
        {"X-Client-Id": "key_01h455vb4pex5vsknk084sn02q", "X-Client-Secret": "x"},
        {"X_Client_Secret": "x", "X-Forwarded-For": "127.0.0.1", "X_Forwarded_For": "127.0.0.1"},
        {"Cookie": "sessionid=x", "X-Company": "co_01h455vb4pex5vsknk084sn02q"},
    ],
)
def test_no_api_endpoint_works_without_a_secret(target: str, path: str, headers: dict[str, str]) -> None:
    answer = ask(target, path, headers=headers)

    assert answer.status_code in (400, 401, 403, 429)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert "WWW-Authenticate" in answer.headers or answer.status_code != 401


@pytest.mark.parametrize(
    "path",
    [
        "/v1/whoami?client_secret=x",
        "/../../etc/passwd",
        "/static/../config/settings/base.py",
        "/static/%2e%2e/%2e%2e/manage.py",
        "/.git/config",
        "/.env",
        "/%00",
        "/docs/../../manage.py",
        "//evil.example/%2e%2e",
        "/accounts/login/?next=//evil.example",
    ],
)
def test_unusual_url_neither_leaks_nor_redirects(target: str, path: str) -> None:
    answer = ask(target, path)

    assert answer.status_code < 500
    assert "SECRET_KEY" not in answer.text
    assert "evil.example" not in answer.headers.get("Location", "").partition("?")[0]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "[::1", "a" * 300])
def test_unknown_host_is_refused(target: str, host: str) -> None:
    try:
        answer = ask(target, "/accounts/password/reset/", headers={"Host": host})
    except requests.exceptions.RequestException:
        return  # the server, or the client's own library, would not have it
    assert answer.status_code in REFUSED


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "DEBUG"])
def test_unused_http_method_is_refused(target: str, method: str) -> None:
    answer = ask(target, "/v1/whoami", method=method, headers={"X-Echo": "echoed"})

    assert answer.status_code in REFUSED | {501}
    assert "echoed" not in answer.text


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/companies/new/", "/theme/", "/staff/accounts/company/"]
)
def test_cross_site_form_is_refused(target: str, path: str) -> None:
    answer = ask(target, path, method="POST", headers={"Origin": "https://evil.example"}, data=b"a=b")

    assert answer.status_code in (302, 403)
    assert answer.status_code == 403 or "login" in answer.headers["Location"]
