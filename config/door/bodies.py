"""Reading a body before anything believes in it: to its announced end, in good time, and never more than is accepted.

Reading costs no thread; a peer that sends a byte now and then holds nothing but its own connection, until its time is up.
"""

import asyncio
from typing import Any

# A second more for each of so many bytes that have arrived.
BYTES_PER_SECOND = 16_384
# Read in one go up to here; what is longer is looked at piece by piece.
SMALL = 65_536


class Incomplete(Exception):
    """The announced end of the body did not arrive; the message says what is known of it."""


class TooLarge(Exception):
    """The body is longer than is accepted."""


async def read_body(proto: Any, *, length: int | None, limit: int, seconds: float, http2: bool) -> bytes:
    """Return the whole body. `length` is what was announced, None for chunks or a stream of unknown length.

    It may take `seconds`, and longer as it arrives.

    Raises Incomplete when it ends early, is broken or comes too slowly, and TooLarge above `limit` bytes.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(seconds) as deadline:
            if length is not None and length <= SMALL:
                return _whole(await _collect(proto), length)
            pieces: list[bytes] = []
            received = empty = 0
            # Granian yields an empty piece at the end. A broken body has one more, or one after the other.
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
    # An end of its own is one empty piece; over HTTP/2 a last, empty frame may come before it.
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
