"""What is kept of a body, and what is said of one that is not. Written by audit.ingest.bodies, shown on the page of a request."""

import re
from dataclasses import dataclass
from datetime import timedelta

import orjson

from core.security import crypto

# How long bodies are kept after their request, by mode.
KEPT_FOR = {"test": timedelta(days=7), "live": timedelta(hours=24)}
MAX_KEPT_BYTES = 16 * 1024
# A larger body is described only.
MAX_READ_BYTES = 1024 * 1024
# Why a body is not kept.
EMPTY, TYPE, INVALID, TOO_LARGE, UNREAD, STREAMED = "empty", "type", "invalid", "large", "unread", "streamed"
_INDENT = "  "
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?$)|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBody:
    """One body: its media type and full size, and either its JSON, perhaps cut, or why there is none."""

    type: str
    size: int
    text: str
    is_cut: bool
    why: str

    @classmethod
    def read(cls, token: bytes) -> "KeptBody":
        """Decrypt a body. Raises core.security.crypto.Undecryptable."""
        return cls(**orjson.loads(crypto.decrypt(token)))

    @property
    def formatted(self) -> str:
        """The JSON, indented. A cut one ends where it was cut."""
        return formatted(self.text)

    @property
    def note(self) -> str:
        """A sentence on what is not shown; empty for a whole body."""
        if self.is_cut:
            return f"The first {size_text(MAX_KEPT_BYTES)} of {size_text(self.size)}."
        kind = self.type or "no stated type"
        sentences = {
            EMPTY: "There is none.",
            TYPE: f"{kind}, {size_text(self.size)}: not kept. Only JSON is.",
            INVALID: f"Not JSON, {size_text(self.size)}: not kept.",
            TOO_LARGE: f"{size_text(self.size)}: not kept. Only bodies of up to {size_text(MAX_READ_BYTES)} are.",
            UNREAD: "The request was refused before its body was read.",
            STREAMED: f"{kind}, streamed: not kept.",
        }
        return sentences.get(self.why, "")


def size_text(size: int) -> str:
    """Return a number of bytes as people write it: 812 bytes, 31 KiB, 1 MiB."""
    if size < 1024:
        return f"{size} byte{'' if size == 1 else 's'}"
    if size < 1024 * 1024:
        return f"{size / 1024:.3g} KiB" if size < 10 * 1024 else f"{round(size / 1024):,} KiB"
    return f"{size / 1024 / 1024:.3g} MiB"


def formatted(text: str) -> str:
    """Return compact JSON indented, piece by piece, so that JSON that was cut can be formatted too."""
    pieces = _PIECE.findall(text)
    written: list[str] = []
    depth = 0
    for index, piece in enumerate(pieces):
        following = pieces[index + 1] if index + 1 < len(pieces) else ""
        if piece in "{[":
            depth += 1
            written.append(piece if following in ("}", "]") else piece + _line(depth))
        elif piece in "}]":
            depth -= 1
            is_empty = index > 0 and pieces[index - 1] in ("{", "[")
            written.append(piece if is_empty else _line(depth) + piece)
        else:
            written.append({",": "," + _line(depth), ":": ": "}.get(piece, piece))
    return "".join(written)


def _line(depth: int) -> str:
    return "\n" + _INDENT * depth
