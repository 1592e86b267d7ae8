"""What is kept of a body, and what is said of one that is not. Written by audit.ingest.bodies, shown on the page of a request."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import orjson
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.security import crypto

# How long bodies are kept after their request, by mode.
KEPT_FOR = {"test": timedelta(days=7), "live": timedelta(hours=24)}
MAX_KEPT_BYTES = 16 * 1024
# How many requests of one company and mode have bodies: about 450 MB at most, of which a loop of requests would otherwise make a
# hundred times as much in a week.
MOST_KEPT = 10_000
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
    def highlighted(self) -> SafeString:
        """The JSON as HTML, indented. A cut one ends where it was cut."""
        return highlighted(self.text)

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
    return "".join(piece for _, piece in _indented(text))


def highlighted(text: str) -> SafeString:
    """Return `formatted` as HTML, with the classes of the documentation's code samples."""
    return format_html_join("", "{}", ((_span(kind, piece),) for kind, piece in _indented(text)))


def _span(kind: str, piece: str) -> str:
    return format_html('<span class="hl-{}">{}</span>', kind, piece) if kind else piece


def _indented(text: str) -> Iterator[tuple[str, str]]:
    """Yield the pieces of compact JSON, indented, each with the Pygments name of its kind; empty for punctuation."""
    pieces = _PIECE.findall(text)
    depth = 0
    for before, piece, following in zip(["", *pieces], pieces, [*pieces[1:], ""], strict=False):
        if piece in "{[":
            depth += 1
            yield "", piece if following in ("}", "]") else piece + _line(depth)
        elif piece in "}]":
            depth -= 1
            yield "", piece if before in ("{", "[") else _line(depth) + piece
        elif piece in ",:":
            yield "", ": " if piece == ":" else "," + _line(depth)
        else:
            yield _kind(piece, following), piece


def _kind(piece: str, following: str) -> str:
    if piece.startswith('"'):
        return "nt" if following == ":" else "s2"
    return "kc" if piece[0] in "tfn" else "mi"


def _line(depth: int) -> str:
    return "\n" + _INDENT * depth
