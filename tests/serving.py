"""Runs an HTTP server of a test in a thread of this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer
from typing import Self


@contextmanager
def serving(server: TCPServer) -> Iterator[str]:
    """Serve until the end of the block, at the URL that it is given."""
    _start(server)
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        _stop(server)


class Served:
    """Something with a `server` of its own, which serves within a `with` block."""

    server: TCPServer

    def __enter__(self) -> Self:
        _start(self.server)
        return self

    def __exit__(self, *_: object) -> None:
        _stop(self.server)


def _start(server: TCPServer) -> None:
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()


def _stop(server: TCPServer) -> None:
    server.shutdown()
    server.server_close()
