"""After SIGTERM, load balancers are notified before the server stops, and requests are still served."""

import os
import shutil
import signal
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from config.door.draining import FILE_VARIABLE, DrainingServer, is_draining
from tests.live import WebProcess


def test_readiness_fails_before_the_server_stops_and_requests_are_served_until_then(
    tmp_path: Path,
) -> None:
    # A temporary folder of its own: in the shared one, a server that was killed has left its directory, maybe under the same process ID.
    web = WebProcess(environment={"DRAIN_SECONDS": "4", "TMPDIR": str(tmp_path)}, workers=2)
    web.start()
    try:
        assert web.request("GET", "/readyz").status == 200
        assert len(list(tmp_path.glob("pomelo-draining-*"))) == 1
        os.kill(web.pid, signal.SIGTERM)
        told = time.monotonic()
        answer = web.request("GET", "/readyz")
        while answer.status == 200 and time.monotonic() < told + 2:
            answer = web.request("GET", "/readyz")
        assert answer.status == 503
        assert answer.json["checks"] == {"process": "shutting down; requests are still served"}
        assert web.request("GET", "/healthz").status == 200
        served = 0
        while time.monotonic() < told + 3:
            assert web.request("GET", "/accounts/login/").status == 200  # by the application, in every worker
            served += 1
        assert served > 5
        assert web.wait(20) == 0
        assert time.monotonic() - told >= 4
        assert not list(tmp_path.glob("pomelo-draining-*"))
    finally:
        web.stop()


@pytest.mark.parametrize(
    ("seconds", "signals", "expected"),
    [
        ("0", [signal.SIGTERM], True),
        ("60", [signal.SIGINT], True),
        ("60", [signal.SIGTERM] * 2, True),
        ("60", [signal.SIGTERM], False),
    ],
    ids=["without draining", "Ctrl-C", "asked twice", "asked once"],
)
def test_draining_can_be_skipped(
    monkeypatch: pytest.MonkeyPatch, seconds: str, signals: Any, expected: bool
) -> None:
    monkeypatch.setenv(FILE_VARIABLE, "")
    stopped = threading.Event()
    server = DrainingServer.__new__(DrainingServer)
    server.main_loop_interrupt, server.interrupt_signal = stopped, False
    server.prepare({"DRAIN_SECONDS": seconds})
    for number in signals:
        server.signal_handler_interrupt(number)
    assert stopped.is_set() is expected
    assert is_draining() is (seconds == "60" and signals[0] == signal.SIGTERM)
    if server._timer:
        server._timer.cancel()
    shutil.rmtree(server._file.parent)


def test_other_local_users_cannot_start_a_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, "")
    server = DrainingServer.__new__(DrainingServer)

    server.prepare({"DRAIN_SECONDS": "5"})

    try:
        place = server._file.parent.stat()
        assert (place.st_uid, stat.S_IMODE(place.st_mode)) == (os.getuid(), 0o700)
    finally:
        server._file.parent.rmdir()


def test_invalid_time_is_refused() -> None:
    server = DrainingServer.__new__(DrainingServer)
    with pytest.raises(ValueError, match="DRAIN_SECONDS is 900"):
        server.prepare({"DRAIN_SECONDS": "900"})
