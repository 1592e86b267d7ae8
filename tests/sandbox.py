"""The real sandbox gateway in a separate process: one per test process, because a second one would replace the first."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from billing.gateways.sandbox import ADDRESS_FILE, sandbox_address
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class SandboxProcess:
    """The sandbox server of this test process."""

    process: subprocess.Popen[bytes]

    def ledger(self, key: str | None = None) -> list[dict[str, Any]]:
        """Return the gateway's ledger (of one idempotency key)."""
        url, token = sandbox_address()
        query = f"?{urlencode({'key': key})}" if key is not None else ""
        request = urllib.request.Request(f"{url}/ledger{query}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=10) as response:
            entries: list[dict[str, Any]] = json.loads(response.read())["entries"]
        return entries


def start_sandbox(folder: Path) -> subprocess.Popen[bytes]:
    """Start a sandbox server for `folder` and wait until it has published its address."""
    path = folder / ADDRESS_FILE
    path.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "billing.gateways.sandbox_server"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(folder)},
    )

    def has_started() -> bool:
        assert process.poll() is None, "the sandbox gateway ended"
        return path.exists()

    wait_until(has_started, "the sandbox gateway did not start")
    return process


@pytest.fixture(scope="session")
def gateway() -> Iterator[SandboxProcess]:
    """The sandbox gateway, found through DATA_DIR as in `make run`."""
    process = start_sandbox(Path(os.environ["DATA_DIR"]))
    yield SandboxProcess(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
