"""`python -m billing.gateways.sandbox_server`: a simulated payment service for development and tests, in its own process.

It has its own ledger (`sandbox-gateway.sqlite3` in `DATA_DIR`) and writes its address and token to
`sandbox-gateway.json` there, readable by its user only. The test cards are listed in billing.gateways.sandbox_ledger.

    POST /charges     {kind: "charge", mode, amount, currency, card}      Idempotency-Key required
    POST /refunds     {kind: "refund", mode, amount, charge}              Idempotency-Key required
    POST /abandoned   the same body: settle an order that never was answered
    GET  /ledger      every entry, or with ?key=… the one of an Idempotency-Key
    GET  /healthz

Settings: `DATA_DIR`; `SANDBOX_GATEWAY_HOST` (127.0.0.1), `SANDBOX_GATEWAY_PORT` (0: any free one),
`SANDBOX_GATEWAY_TOKEN` (default: a random one).
"""

import hmac
import json
import os
import secrets
import signal
import threading
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from billing.gateways.sandbox_ledger import Entry, Ledger, LedgerError

ADDRESS_FILE = "sandbox-gateway.json"
LEDGER_FILE = "sandbox-gateway.sqlite3"
MAX_BODY_BYTES = 65_536
# How long an order that "times out" holds its caller: longer than any client timeout.
SILENCE_SECONDS = 60.0


class SandboxServer(ThreadingHTTPServer):
    """The HTTP server; `stopping` ends simulated timeouts."""

    daemon_threads = True
    # The listen backlog; with the default of 5, many concurrent clients would time out.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], ledger: Ledger, token: str) -> None:
        super().__init__(address, SandboxHandler)
        self.ledger = ledger
        self.token = token
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        """The server's URL."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"


class SandboxHandler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: SandboxServer

    def do_GET(self) -> None:
        """Serve the health check and the ledger."""
        if self.path == "/healthz":
            self._answer(200, {"status": "ok"})
        elif not self._is_authorized():
            self._answer(401, {"error": "unauthorized"})
        elif (target := urlsplit(self.path)).path == "/ledger":
            [key] = parse_qs(target.query).get("key", [None])[-1:]
            self._answer(200, {"entries": [asdict(entry) for entry in self.server.ledger.entries(key)]})
        else:
            self._answer(404, {"error": "not_found"})

    def do_POST(self) -> None:
        """Execute an order."""
        body = self._read_body()
        if body is None:
            self._answer(400, {"error": "invalid_body"})
            return
        if not self._is_authorized():
            self._answer(401, {"error": "unauthorized"})
            return
        ledger, key = self.server.ledger, self.headers.get("Idempotency-Key", "")
        try:
            if self.path in ("/charges", "/refunds"):
                entry = ledger.order(key, body)
                if entry.is_unanswered:
                    self._simulate_timeout()
                    return
            elif self.path == "/abandoned":
                entry = ledger.abandon(key, body)
            else:
                self._answer(404, {"error": "not_found"})
                return
        except LedgerError as error:
            self._answer(400, {"error": "invalid_order", "message": str(error)})
            return
        self._answer(200, _public(entry))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Log nothing; the ledger is the record."""

    def _simulate_timeout(self) -> None:
        self.server.stopping.wait(SILENCE_SECONDS)
        self.close_connection = True

    def _is_authorized(self) -> bool:
        return hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {self.server.token}")

    def _read_body(self) -> dict[str, Any] | None:
        try:
            length = int(self.headers.get("Content-Length", "0"))
            if not 0 < length <= MAX_BODY_BYTES:
                return None
            body = json.loads(self.rfile.read(length))
        except ValueError:
            return None
        return body if isinstance(body, dict) else None

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            # The client has disconnected; it will retry with the same key.
            self.close_connection = True


def _public(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "status": entry.status,
        "failure_code": entry.failure_code or None,
        "failure_message": entry.failure_message or None,
    }


def write_address(folder: Path, server: SandboxServer) -> None:
    """Write the address and the token to `folder`, atomically and readable by our user only."""
    path, draft = folder / ADDRESS_FILE, folder / f".{ADDRESS_FILE}.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"url": server.url, "token": server.token, "pid": os.getpid()}, file)
    draft.replace(path)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    folder = Path(os.environ.get("DATA_DIR") or ".data").resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.umask(0o077)
    server = SandboxServer(
        (
            os.environ.get("SANDBOX_GATEWAY_HOST") or "127.0.0.1",
            int(os.environ.get("SANDBOX_GATEWAY_PORT") or 0),
        ),
        Ledger(folder / LEDGER_FILE),
        os.environ.get("SANDBOX_GATEWAY_TOKEN") or secrets.token_urlsafe(24),
    )

    def stop(_number: int, _frame: object) -> None:
        server.stopping.set()
        # shutdown() waits for serve_forever(), which this very thread is running.
        threading.Thread(target=server.shutdown).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    write_address(folder, server)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
