"""The benchmark's receiver: a separate process that returns 200 immediately and records when each ID was first received.

`GET /seen` returns `{id: seconds since the epoch}` and clears the record. Prints its port when it is ready.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Protocol(asyncio.Protocol):
    """Just enough HTTP for keep-alive POSTs with a Content-Length."""

    seen: dict[str, float] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            lowered = head.lower()
            length = 0
            if b"content-length:" in lowered:
                length = int(lowered.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            self.answer(head, lowered)

    def answer(self, head: bytes, lowered: bytes) -> None:
        if head.startswith(b"GET"):
            body = json.dumps(Protocol.seen).encode()
            Protocol.seen = {}
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            return
        if b"webhook-id:" in lowered:
            name = (
                head[lowered.index(b"webhook-id:") :].split(b":", 1)[1].split(b"\r\n", 1)[0].strip().decode()
            )
            Protocol.seen.setdefault(name, time.time())
        self.transport.write(OK)


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
