"""What probes reveal, and to whom."""

import asyncio
import threading
from typing import Any

import pytest
from django.test import Client

from config.door import probes
from config.door.intake import Door
from core.operations.health import Readiness
from tests.waiting import wait_until

TOKEN = "Bearer t0ken-of-the-operator"


@pytest.mark.parametrize(
    ("peer", "headers", "knows"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("10.0.0.5", {"Authorization": TOKEN}, True),
        ("10.0.0.5", {}, False),
        ("10.0.0.5", {"Authorization": "Bearer another"}, False),
        ("10.0.0.5", {"X-Forwarded-For": "127.0.0.1"}, False),
        # A proxy on this machine brings the whole world.
        ("127.0.0.1", {"X-Forwarded-For": "198.51.100.7"}, False),
        ("127.0.0.1", {"Forwarded": "for=198.51.100.7"}, False),
    ],
)
def test_details_and_metrics_require_loopback_or_the_token(
    settings: Any, peer: str, headers: dict[str, Any], knows: bool
) -> None:
    settings.METRICS_TOKEN = TOKEN.removeprefix("Bearer ")
    client = Client(REMOTE_ADDR=peer)
    ready = client.get("/readyz", headers=headers)
    metrics = client.get("/metrics", headers=headers)
    assert (ready.status_code, ready.json()["status"], "checks" in ready.json()) == (200, "ready", knows)
    assert (metrics.status_code, b"pomelo_" in metrics.content) == ((200, True) if knows else (403, False))


def test_empty_token_matches_nothing(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    for sent in ("Bearer ", "Bearer", ""):
        assert (
            Client(REMOTE_ADDR="10.0.0.5").get("/metrics", headers={"Authorization": sent}).status_code == 403
        )


@pytest.mark.parametrize(("mode", "status"), [("local", 200), ("open", 200), ("closed", 503)])
def test_missing_valkey_is_a_warning_unless_it_is_required(settings: Any, mode: str, status: int) -> None:
    from core.valkey import commands

    before = settings.VALKEY_URL
    settings.RATE_LIMIT_FAILURE_MODE = mode
    try:
        settings.VALKEY_URL = "redis://127.0.0.1:1/0"
        answer = Client().get("/readyz")
    finally:
        settings.VALKEY_URL = before
        commands.forget_connections()
    assert answer.status_code == status
    assert answer.json()["checks"]["valkey"] != "ok"


def test_readiness_is_checked_before_the_first_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()

    def find_out() -> Any:
        looked.set()
        return Readiness(True, {})

    late = Readiness(False, {})
    monkeypatch.setattr(probes, "_readiness", probes.CachedCheck("warm", find_out, late=late))
    loop = asyncio.new_event_loop()
    try:
        Door(lambda environ, sent: [], loop, threads=1)
        assert looked.wait(60)
    finally:
        loop.close()


def test_caller_that_cannot_be_answered_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "FRESH_SECONDS", 0)
    both_wait = threading.Event()

    def find_out() -> str:
        assert both_wait.wait(60)
        return "found"

    def is_gone(_: str) -> None:
        raise RuntimeError("The connection is closed.")

    check = probes.CachedCheck("callers", find_out, late="late")
    answers: list[str] = []
    check.when_found(is_gone)
    check.when_found(answers.append)
    both_wait.set()
    wait_until(lambda: answers == ["found"])

    check.when_found(answers.append)

    wait_until(lambda: answers == ["found", "found"])
