"""A real HTTP receiver for tests: stores every request, and responds as configured."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import standardwebhooks

from tests.serving import Served


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    def verify(self, secret: str) -> Any:
        """Return the payload as the third-party library verifies it; raises its error otherwise."""
        return standardwebhooks.Webhook(secret).verify(self.body, self.headers)


Answer = tuple[int, dict[str, str], bytes]
OK: Answer = (200, {}, b"ok")


class Server(ThreadingHTTPServer):
    """Says nothing about callers that hang up: some tests kill them."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Receiver(Served):
    """`answer` may be replaced by a constant or by a function of the request."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Answer | Callable[[Received], Answer] = OK
        self.delay = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                got = Received(
                    self.path, {k.lower(): v for k, v in self.headers.items()}, body, time.monotonic()
                )
                outer.received.append(got)
                if outer.delay:
                    time.sleep(outer.delay)
                status, headers, content = outer.answer(got) if callable(outer.answer) else outer.answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def of_type(self, event_type: str) -> list[Received]:
        return [each for each in self.received if each.json["type"] == event_type]
