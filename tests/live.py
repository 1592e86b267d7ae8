"""A real web server for tests: granian as started by `make run`, on a free port, with this run's engines."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.door import web
from tests.forked import ForkedProgram

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A response: status, headers (lowercase names, the last value wins) and the exact body."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.content)

    @property
    def code(self) -> str | None:
        """The `error.code` of a refusal, or None."""
        return self.json["error"]["code"] if "problem" in self.headers.get("content-type", "") else None


class WebProcess:
    """A granian server with its workers in its own process group, which a test may kill and restart.

    `is_forked` is for tests that are not about its start: it takes a sixth of the time (tests.forked).
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str] | None = None,
        workers: int = 1,
        threads: int = 8,
        is_public: bool = False,
        is_forked: bool = False,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WEB_WORKERS": str(workers),
            "WEB_THREADS": str(threads),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            **({"PUBLIC_URL": self.url} if is_public else {}),
            **(environment or {}),
        }
        self._is_forked = is_forked
        self._process: subprocess.Popen[bytes] | ForkedProgram | None = None
        self._log = tempfile.NamedTemporaryFile()  # noqa: SIM115 - lives as long as the server

    @property
    def pid(self) -> int:
        """The process id of granian's main process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it responds. Raises RuntimeError with its log if it does not."""
        environment = os.environ | self._environment
        if self._is_forked:
            self._process = ForkedProgram(web.main, environment, self._log.name)
        else:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "config.door.web"],
                cwd=ROOT,
                env=environment,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.is_ready():
                    return
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"The web server did not start:\n{self.log()}")

    def is_ready(self) -> bool:
        """Return whether the process responds."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return self._serves_tls() or self.request("GET", "/healthz").status == 200

    def _serves_tls(self) -> bool:
        return "TLS_CERT_FILE" in self._environment

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        secret: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30,
    ) -> HttpAnswer:
        """Send a request on a new connection. Raises OSError or http.client.HTTPException if the connection breaks."""
        sent = dict(headers or {})
        if secret is not None:
            sent["Authorization"] = f"Bearer {secret}"
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=payload, headers=sent)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return HttpAnswer(response.status, names, response.read())
        finally:
            connection.close()

    def raw(self, data: bytes, *, timeout: float = 10) -> bytes:
        """Send raw bytes and return everything received until the server closes the connection or stops sending."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(data)
            connection.settimeout(1)
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while chunk := connection.recv(65536):
                    received += chunk
        return received

    def kill(self) -> None:
        """SIGKILL the server and its workers, as in a crash of the machine."""
        if self._process is not None:
            kill_group(self._process)
            self._process = None

    def stop(self) -> None:
        """Stop the server gracefully and wait for it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def wait(self, seconds: float) -> int:
        """Wait until the server has exited by itself. Return its exit status."""
        assert self._process is not None
        return self._process.wait(timeout=seconds)

    def log(self) -> str:
        """Everything the server has written so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")


@contextlib.contextmanager
def web_process(**options: Any) -> Iterator[WebProcess]:
    """A running server that is stopped at the end of the block."""
    web = WebProcess(**options)
    web.start()
    try:
        yield web
    finally:
        web.kill()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a process that leads a group and all others of the group, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    """Return a currently unused TCP port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
