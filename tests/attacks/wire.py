"""HTTP clients that write individual bytes, for requests that no library would send."""

import contextlib
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS = 0x0, 0x1, 0x3, 0x4
END_STREAM, END_HEADERS = 0x1, 0x4
NO_ERROR, CANCEL = 0x0, 0x8


@dataclass(frozen=True)
class Reply:
    """What came back on a connection: the status, everything after it, and whether the server closed."""

    status: int
    raw: bytes
    closed: bool


def connect(port: int, *, timeout: float = 30) -> socket.socket:
    """Open a connection to a server on this machine."""
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def head(line: str, *headers: str) -> bytes:
    """Return the head of an HTTP/1.1 request, every line as it is given."""
    return "\r\n".join([f"{line} HTTP/1.1", *headers, "", ""]).encode("latin-1")


def talk(port: int, data: bytes, *, half_close: bool = False, timeout: float = 30) -> Reply:
    """Send `data`, perhaps say that nothing follows, and read one answer to its end or until the server closes."""
    with connect(port, timeout=timeout) as peer:
        peer.sendall(data)
        if half_close:
            peer.shutdown(socket.SHUT_WR)
        return read_reply(peer)


def read_reply(peer: socket.socket) -> Reply:
    """Read one answer. Raises TimeoutError when none comes."""
    raw, closed = b"", False
    while not _is_whole(raw):
        with contextlib.suppress(ConnectionResetError):
            chunk = peer.recv(65_536)
            raw += chunk
            if chunk:
                continue
        closed = True
        break
    return Reply(int(raw[9:12] or 0), raw, closed)


def _is_whole(raw: bytes) -> bool:
    before, separator, body = raw.partition(b"\r\n\r\n")
    if not separator:
        return False
    length = before.lower().partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
    return bool(length) and len(body) >= int(length)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return one HTTP/2 frame (RFC 9113 §4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header_block(lines: Iterable[tuple[str, str]]) -> bytes:
    """Return a header block of literals without indexing (RFC 7541 §6.2.2)."""
    block = b""
    for name, value in lines:
        block += b"\x00" + _text(name) + _text(value)
    return block


def _text(text: str) -> bytes:
    data = text.encode("latin-1")
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, prefix = len(data) - 127, bytes([127])
    while rest >= 128:
        prefix += bytes([rest % 128 + 128])
        rest //= 128
    return prefix + bytes([rest]) + data
