"""How the command waits, how it sends large objects, and that it does not import server code."""

import ast
import json
import subprocess
import sys
from itertools import islice
from typing import Any

import httpx
import pytest

from pomelo_cli.api import Api
from pomelo_cli.forwarding import body_of
from pomelo_cli.problems import Problem
from pomelo_cli.reading import LONGEST_POLL_SECONDS, POLL_SECONDS, WAIT_SECONDS, read_events
from tests.live import ROOT

APPS = {"accounts", "apikeys", "audit", "billing", "config", "core", "messaging", "webhooks"}


def page(*ids: str, has_more: bool = False) -> httpx.Response:
    return httpx.Response(200, json={"data": [{"id": each} for each in ids], "has_more": has_more})


class Script:
    """Answers one after the other; keeps the requests and the waits between them."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, str]] = []
        self.waits: list[float] = []
        self.reported: list[str] = []
        self.kept: list[float] = []  # how long the first questions are kept
        self.now = 0.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(dict(request.url.params))
        answer = self.answers.pop(0)
        if self.kept:
            self.now += self.kept.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def read(self, count: int, **start: str) -> list[Any]:
        with Api("http://localhost", "pm_test_x", transport=httpx.MockTransport(self)) as api:
            events = read_events(
                api, start, report=self.reported.append, sleep=self.waits.append, clock=lambda: self.now
            )
            return [event["id"] for event in islice(events, count)]


def test_position_is_the_last_event_forwarded() -> None:
    script = Script(page("evt_1", "evt_2", has_more=True), page("evt_3"), page(), page("evt_4"))
    assert script.read(4, created_after="2026-01-01T00:00:00Z") == ["evt_1", "evt_2", "evt_3", "evt_4"]
    first, *others = script.asked
    assert first == {
        "order": "oldest_first",
        "limit": "100",
        "wait": str(WAIT_SECONDS),
        "created_after": "2026-01-01T00:00:00Z",
    }
    assert [each["starting_after"] for each in others] == ["evt_2", "evt_3", "evt_3"]
    assert script.waits == [POLL_SECONDS, POLL_SECONDS]  # none where there was more


def test_polling_continues_immediately_with_long_polling_and_backs_off_without() -> None:
    script = Script(*[page()] * 7, page("evt_1"))
    script.kept = [20.0, 20.0]
    assert script.read(1) == ["evt_1"]
    assert script.waits == [POLL_SECONDS, 3.0, 4.0, LONGEST_POLL_SECONDS, LONGEST_POLL_SECONDS]


def test_retry_after_is_honored() -> None:
    dated = httpx.Response(503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    script = Script(httpx.Response(429, headers={"Retry-After": "17"}), dated, page("evt_1"))
    assert script.read(1) == ["evt_1"]
    assert script.waits == [17.0, 0.0]  # the date is past
    assert len(script.reported) == 3


def test_without_retry_after_waits_grow_up_to_half_a_minute() -> None:
    script = Script(*[httpx.ConnectError("refused")] * 8, page("evt_1"))
    assert script.read(1) == ["evt_1"]
    for wait, base in zip(script.waits, (1, 2, 4, 8, 16, 30, 30, 30), strict=True):
        assert base <= wait <= base * 1.2


def test_permanent_errors_end_polling() -> None:
    script = Script(httpx.Response(404, text="<html>"))
    with pytest.raises(Problem, match="is http://localhost the address of Pomelo"):
        script.read(1)


def test_large_object_is_sent_thin_as_a_webhook_sends_it() -> None:
    event = {"id": "evt_1", "data": {"object": {"id": "cus_1", "object": "customer", "name": "é" * 40_000}}}
    assert json.loads(body_of(event, api_url="http://localhost"))["data"] == {
        "object": {"id": "cus_1", "object": "customer"},
        "thin": True,
        "url": "http://localhost/v1/events/evt_1",
    }
    small = {"id": "evt_1", "data": {"object": {"name": "é"}}}
    assert json.loads(body_of(small, api_url="http://localhost")) == small


def test_the_cli_and_the_server_do_not_import_each_other() -> None:
    listed = "import sys, pomelo_cli.main; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.check_output([sys.executable, "-c", listed], cwd=ROOT / "cli", text=True).split()
    assert {"pomelo_cli", "httpx"} <= set(loaded)
    assert not {"django", "rest_framework", *APPS} & set(loaded)

    importing = [
        str(path.relative_to(ROOT))
        for app in sorted(APPS)
        for path in (ROOT / app).rglob("*.py")
        if any(name.startswith("pomelo_cli") for name in _imports(path.read_text()))
    ]
    assert importing == []


def _imports(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return found
