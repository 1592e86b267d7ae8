"""Non-ASCII headers, which the server's HTTP library drops, sent as raw bytes."""

import json
from collections.abc import Callable, Iterator
from http.client import HTTPConnection

import pytest

from apikeys.services import IssuedKey
from tests.factories import World
from tests.live import WebProcess, web_process


@pytest.fixture(scope="module")
def web() -> Iterator[WebProcess]:
    with web_process(is_forked=True) as server:
        yield server


def ask(web: WebProcess, *headers: tuple[str, bytes]) -> tuple[int, str]:
    """Return the status and the code of the refusal."""
    connection = HTTPConnection("127.0.0.1", web.port, timeout=60)
    connection.putrequest("GET", "/v1/whoami")
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body.get("error", {}).get("code", "")


@pytest.mark.parametrize(
    "credential",
    [
        [("Authorization", "Bearer pm_live_é".encode())],
        [("Authorization", b"Bearer pm_live_\xe9")],
        [("Authorization", b"\xff\xfe")],
        [("X-Client-Id", b"key_x"), ("X-Client-Secret", "pm_live_é".encode())],
        [("X-Client-Id", "clé".encode()), ("X-Client-Secret", b"pm_live_x")],
    ],
)
def test_non_ascii_credential_is_invalid(web: WebProcess, credential: list[tuple[str, bytes]]) -> None:
    assert ask(web, *credential) == (401, "invalid_credentials")


def test_non_ascii_credential_is_refused_even_with_a_valid_secret(
    web: WebProcess, world: World, issue_key: Callable[..., IssuedKey]
) -> None:
    secret = ("Authorization", f"Bearer {issue_key(world.company).client_secret}".encode())
    assert ask(web, secret) == (200, "")
    assert ask(web, secret, ("X-Client-Secret", "é".encode())) == (401, "invalid_credentials")
    assert ask(web, secret, ("X-Client-Id", "é".encode())) == (401, "invalid_credentials")


@pytest.mark.parametrize("name", ["Idempotency-Key", "Origin", "Content-Encoding"])
def test_unreadable_header_that_changes_the_requests_meaning_is_refused(web: WebProcess, name: str) -> None:
    assert ask(web, (name, "é".encode())) == (400, "invalid_request")
