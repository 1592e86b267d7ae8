"""Hands complete responses from Django to granian, so that a slow reader does not occupy a thread."""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Larger responses are sent from a file, so that slow readers do not occupy memory either.
MAX_BYTES_IN_MEMORY = 1_048_576
# Granian opens the file immediately and keeps it open while sending, so the name can be removed after this.
NAME_SECONDS = 60.0
LEFTOVER_SECONDS = 3600.0
PREFIX = "pomelo-answer-"


class Sent:
    """WSGI's `start_response`: stores the status and headers of one response."""

    __slots__ = ("headers", "status")

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[str, str]] = []

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        """Called by the application before the first byte of the body."""
        self.status, self.headers = int(status[:3]), headers


def send(proto: Any, sent: Sent, body: Iterable[bytes]) -> None:
    """Read all of `body`, pass it to granian, and close it as PEP 3333 requires. Raises what the body raises."""
    try:
        pieces: list[bytes] = []
        size = 0
        rest = iter(body)
        for piece in rest:
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BYTES_IN_MEMORY:
                _send_file(proto, sent, pieces, rest)
                return
        proto.response_bytes(sent.status, sent.headers, pieces[0] if len(pieces) == 1 else b"".join(pieces))
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()


def collect(body: Iterable[bytes]) -> bytes:
    """Return all of `body` and close it. Raises what the body raises."""
    try:
        return b"".join(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()


def _send_file(proto: Any, sent: Sent, pieces: list[bytes], rest: Iterable[bytes]) -> None:
    descriptor, name = tempfile.mkstemp(prefix=PREFIX)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            pieces.clear()
            file.writelines(rest)
            size = file.tell()
    except BaseException:
        os.unlink(name)
        raise
    headers = [line for line in sent.headers if line[0].lower() != "content-length"]
    proto.response_file(sent.status, [*headers, ("Content-Length", str(size))], name)
    _forget_later(name)


def _forget_later(name: str) -> None:
    timer = threading.Timer(NAME_SECONDS, os.unlink, [name])
    timer.daemon = True
    timer.start()


def remove_leftovers() -> None:
    """Remove files left by processes that crashed."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                path.unlink()
