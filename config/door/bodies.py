"""Reads a request body before anything processes it: completely, within a time limit and a size limit.

Reading occupies no thread. A peer that trickles bytes only occupies its own connection, until its time is up.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# The time limit grows by a second for each of this many bytes received.
BYTES_PER_SECOND = 16_384
# Bodies up to this size are read in one go, longer ones in chunks.
SMALL = 65_536


class Incomplete(Exception):
    """The body ended early. The message says what is known about the cause."""


class TooLarge(Exception):
    """The body exceeds the size limit."""


class NoMemory(Exception):
    """Too much memory is reserved for other bodies."""


class BodyMemory:
    """The memory reserved for bodies while they are read, which limits what slow peers can occupy.

    A client address may reserve as much as it leaves free (Choudhury and Hahne, "Dynamic Queue Length Thresholds", 1998): half of
    everything if it is alone, a third if another one does the same. So no address can keep out the bodies of others. Not thread-safe.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._reserved: dict[str, int] = {}  # only addresses whose bodies are being read

    @contextmanager
    def reserve(self, address: str, size: int) -> Iterator[None]:
        """Reserve `size` bytes for a body from `address` during the block. Raises NoMemory."""
        reserved = self._reserved.get(address, 0) + size
        self._free -= size
        if reserved > self._free:
            self._free += size
            raise NoMemory
        self._reserved[address] = reserved
        try:
            yield
        finally:
            self._free += size
            if (left := self._reserved.pop(address, 0) - size) > 0:
                self._reserved[address] = left


async def read_body(proto: Any, *, length: int | None, limit: int, seconds: float, http2: bool) -> bytes:
    """Return the whole body. `length` is its declared length, None for chunks or a stream of unknown length.

    The time limit is `seconds`, extended as data arrives.

    Raises Incomplete if it ends early, is malformed or too slow, and TooLarge above `limit` bytes.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(seconds) as deadline:
            if length is not None and length <= SMALL:
                return _whole(await _collect(proto), length)
            pieces: list[bytes] = []
            received = empty = 0
            # Granian yields an empty chunk at the end; a broken body has an additional one.
            async for piece in proto:
                if not piece:
                    empty += 1
                    if empty > 2 or (length is not None and received >= length):
                        break
                    continue
                if empty and not http2:
                    break
                received += len(piece)
                if received > limit:
                    raise TooLarge
                pieces.append(bytes(piece))
                empty = 0
                deadline.reschedule(began + seconds + received / BYTES_PER_SECOND)
    except TimeoutError:
        raise Incomplete(
            f"The body did not arrive in time: it may take {seconds:g} seconds, and one more for each "
            f"{BYTES_PER_SECOND} bytes."
        ) from None
    body = b"".join(pieces)
    if length is not None:
        return _whole(body, length)
    # A regular end is one empty chunk; over HTTP/2 an empty last frame may precede it.
    if empty > (2 if http2 else 1):
        raise Incomplete("The body ended before it was complete.")
    return body


async def _collect(proto: Any) -> bytes:
    try:
        return bytes(await proto())
    except RuntimeError as error:  # granian's RSGIProtocolClosed
        raise Incomplete("The body ended before it was complete.") from error


def _whole(body: bytes, length: int) -> bytes:
    if len(body) != length:
        raise Incomplete(f"Content-Length says {length} bytes; {len(body)} arrived.")
    return body
