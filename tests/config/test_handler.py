"""Our request handler responds under /v1 exactly as Django's."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import clear_script_prefix, include, path

from config.door.handler import Handler
from config.urls import urlpatterns as site


def with_cookie(request: HttpRequest) -> HttpResponse:
    """Answer with what a guest's view may answer with."""
    response = HttpResponse(b"made", status=201, headers={"X-Of-A-Guest": "ä", "Vary": "Accept"})
    response.set_cookie("seen", "yes", httponly=True)
    return response


urlpatterns = [path("v1/cookie", with_cookie), path("", include(site))]


@pytest.fixture
def signals() -> Iterator[list[str]]:
    """What Django says of the beginning and the end of a request."""
    seen: list[str] = []

    def begun(sender: type, **_: Any) -> None:
        seen.append(f"begun by {sender.__name__}")

    def ended(sender: type, **_: Any) -> None:
        seen.append(f"ended by {sender.__name__}")

    request_started.connect(begun)
    request_finished.connect(ended)
    yield seen
    request_started.disconnect(begun)
    request_finished.disconnect(ended)


@pytest.fixture(autouse=True)
def prefix_of_this_thread() -> Iterator[None]:
    """A handler leaves its SCRIPT_NAME with the thread, whose other tests have none."""
    yield
    clear_script_prefix()


def ask(handler: WSGIHandler, address: str, prefix: str = "") -> tuple[str, list[tuple[str, str]], bytes]:
    answered: list[Any] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": prefix,
        "PATH_INFO": address,
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "HTTP_HOST": "testserver",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
    }
    body = handler(environ, lambda status, headers: answered.extend((status, headers)))
    content = b"".join(body)
    body.close()  # type: ignore[attr-defined]  # as PEP 3333 asks of a server
    status, headers = answered
    return status, headers, content


def without_counts(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out what every answer has for itself: its identifier, and what is left in a bucket."""
    own = ("X-Request-Id", "RateLimit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
    return [(name, "" if name in own else value) for name, value in headers]


@override_settings(ROOT_URLCONF="tests.config.test_handler")
@pytest.mark.parametrize("address", ["/v1/cookie", "/v1/whoami", "/v1/nothing", "/healthz"])
@pytest.mark.parametrize("prefix", ["", "/below"])
def test_responses_match_djangos_handler(signals: list[str], address: str, prefix: str) -> None:
    status, headers, content = ask(Handler(), address, prefix)
    expected_status, expected_headers, expected = ask(WSGIHandler(), address, prefix)

    assert (status, without_counts(headers)) == (expected_status, without_counts(expected_headers))
    if address == "/v1/cookie":
        assert ("Set-Cookie", " seen=yes; HttpOnly; Path=/") in headers
    assert len(content) == len(expected)  # a problem names its own request
    assert signals == [
        f"{what} by {name}" for name in ("Handler", "WSGIHandler") for what in ("begun", "ended")
    ]
