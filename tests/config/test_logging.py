"""Request logs: never the secret in a link, and one line per refused anonymous request."""

import json
import logging as python_logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import get_resolver

from billing.callbacks import urls as billing_callbacks
from core.http.callbacks import REFUSED, TooEarly, Unreadable, callback
from core.http.sparing import LogRateLimiter
from core.operations import logging
from core.values.redaction import REDACTED
from messaging.callbacks import urls as messaging_callbacks
from tests.clients import random_address

SECRET = "4xOcF-raGhIndF74lXfCmtl2pyaJiT0SvbEH5jQc45A"
OF_SECRETS = {"token", "key"}
# A part of an address that stands for a value, as Django's paths and as its regular expressions write it.
_VALUE = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>.*?\)")


class Log:
    """What is logged inside of the block, as it comes out."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self.lines = capsys, list[dict[str, Any]]()

    def __enter__(self) -> list[dict[str, Any]]:
        logging.configure({**settings.LOGGING, "level": "INFO", "format": "json"})
        return self.lines

    def __exit__(self, *_: object) -> None:
        logging.configure(settings.LOGGING)
        self.lines += [json.loads(line) for line in self._capsys.readouterr().err.splitlines()]


def routes_below(resolver: Any, before: str = "/") -> Iterator[str]:
    for one in resolver.url_patterns:
        route = before + str(one.pattern).strip("^$")
        if hasattr(one, "url_patterns"):
            yield from routes_below(one, route)
        else:
            yield route


SECRET_ROUTES = [
    route
    for route in routes_below(get_resolver())
    if OF_SECRETS & {name for names in _VALUE.findall(route) for name in names}
]


def test_urls_that_contain_secrets_are_known() -> None:
    assert {"/i/<str:token>/pay", "/u/<str:token>"} <= set(SECRET_ROUTES)


@pytest.mark.parametrize("route", SECRET_ROUTES)
def test_link_secrets_are_not_logged(route: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = _VALUE.sub(SECRET, route)

    with Log(capsys) as lines:
        python_logging.getLogger("django.request").error("Service Unavailable: %s", path)
        structlog.get_logger("tests").warning("page.database_unavailable", path=path)
        try:
            raise ValueError(f"what failed at {path}?payment=done")
        except ValueError:
            structlog.get_logger("tests").exception("door.request_failed")

    assert len(lines) == 3
    assert all(REDACTED in json.dumps(line) for line in lines)
    assert SECRET not in json.dumps(lines)


def test_other_urls_are_logged_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    paths = ["/invoices/in_01m8myf0nxeefrk4cv2cxhvw4v/", "/v1/invoices/x", "/docs/i/", "/i/"]

    with Log(capsys) as lines:
        for path in paths:
            structlog.get_logger("tests").warning("page.database_unavailable", path=path)

    assert [line["path"] for line in lines] == paths


def test_refused_request_logs_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    stranger = Client(REMOTE_ADDR=random_address(), raise_request_exception=False)

    with Log(capsys) as lines:
        stranger.get("/accounts/login/", headers={"host": "evil.example"})
        stranger.post("/accounts/login/", {f"field{n}": "x" for n in range(2_000)})

    assert [line["logger"] for line in lines] == [
        "django.security.DisallowedHost",
        "django.security.TooManyFieldsSent",
    ]
    assert all("exception" not in line for line in lines)


def test_repeated_refusals_log_one_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    stranger = Client(REMOTE_ADDR=random_address(), raise_request_exception=False)

    with Log(capsys) as lines:
        for _ in range(20):
            assert stranger.get("/accounts/login/", headers={"host": "evil.example"}).status_code == 400

    assert [line["logger"] for line in lines] == ["django.security.DisallowedHost"]


@pytest.mark.parametrize(
    "name",
    [str(each.pattern) for urls in (billing_callbacks, messaging_callbacks) for each in urls.urlpatterns],
)
def test_unsigned_callbacks_are_counted_and_log_one_line_a_minute(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = LogRateLimiter()
    monkeypatch.setattr("core.http.callbacks._refusals", refusals)
    stranger = Client(REMOTE_ADDR=random_address())

    def send(times: int) -> None:
        for _ in range(times):
            body = {"id": "evt_1"}
            assert stranger.post(f"/callbacks/{name}", body, "application/json").status_code == 403

    def counted() -> float:
        return sum(
            sample.value
            for family in REFUSED.collect()
            for sample in family.samples
            if sample.name.endswith("_total")
        )

    before = counted()
    with Log(capsys) as lines:
        send(20)
        monkeypatch.setattr("time.monotonic", lambda: float("inf"))
        send(1)

    assert counted() == before + 21
    assert [(line["event"], line["left_out"]) for line in lines] == [
        ("callback.refused", 0),
        ("callback.refused", 19),
    ]


def test_malformed_callbacks_log_one_short_line_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_unreadable", "_too_early"):
        monkeypatch.setattr(f"core.http.callbacks.{name}", LogRateLimiter())
    kinds = [(Unreadable, 400, "callback.unreadable"), (TooEarly, 503, "callback.too_early")]

    def send(error: type[Exception], times: int) -> set[int]:
        @callback
        def receiver(request: HttpRequest) -> None:
            raise error("x" * 5_000)

        return {receiver(RequestFactory().post("/callbacks/anymail")).status_code for _ in range(times)}

    with Log(capsys) as lines:
        for error, status, _ in kinds:
            assert send(error, 20) == {status}
        monkeypatch.setattr("time.monotonic", lambda: float("inf"))
        for error, _, _ in kinds:
            send(error, 1)

    assert [(line["event"], line["left_out"], len(line["reason"])) for line in lines] == [
        *((event, 0, 300) for _, _, event in kinds),
        *((event, 19, 300) for _, _, event in kinds),
    ]
