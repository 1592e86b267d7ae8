"""Bodies of requests that a company has kept: taken on the hot path, redacted and encrypted in a thread, shipped like requests.

They are no evidence, and no request waits for them: beyond a number of bytes, and where anything fails, they are dropped and counted.
Nothing leaves the process unencrypted.
"""

import os
import threading
from functools import lru_cache
from typing import Any

import orjson
from prometheus_client import Counter

from audit.ingest import batches, rows, spill, stream
from audit.ingest.shipping import Shipper
from audit.kept import EMPTY, INVALID, MAX_KEPT_BYTES, MAX_READ_BYTES, STREAMED, TOO_LARGE, TYPE, UNREAD
from core import clock
from core.security import crypto, sealed
from core.values.redaction import REDACTED, redact_text
from core.values.secret_fields import hide_card_numbers, hide_parameters, is_secret_name

CONTENT = ("id", "company", "mode", "at", "request", "response")
SCHEMA = sealed.tag_of("request-bodies", CONTENT)
# Bytes of bodies that are not yet encrypted, and of encrypted ones that Valkey has not accepted.
MAX_RAW_BYTES = 16 * 1024 * 1024
MAX_WAITING_BYTES = 8 * 1024 * 1024
BATCH_ROWS = 16
# Deeper than any body in the API.
_MAX_DEPTH = 32
# How many characters of a body are searched for secrets, which takes time; a text beyond that is described instead.
_MAX_SEARCHED = 4 * MAX_KEPT_BYTES
_REDACTED = orjson.dumps(REDACTED)
# The names of members repeat from request to request; longer ones are not remembered.
_MAX_KNOWN_NAME = 60
_TOO_DEEP = b'"[nested too deeply]"'

DROPPED = Counter("pomelo_request_bodies_dropped_total", "Requests whose bodies could not be kept")

# One side's media type, size in bytes, bytes if they may be kept, why not, and the names that are shown once.
Side = tuple[str, int, bytes | None, str, tuple[str, ...]]


class Bodies(Shipper):
    """Bodies waiting to be sent to Valkey."""

    def __init__(self) -> None:
        super().__init__(
            "request-bodies",
            stream.BODIES,
            suffix=spill.BODIES,
            batch_rows=BATCH_ROWS,
            max_appended=10_000,
            max_waiting_bytes=MAX_WAITING_BYTES,
            dropped=DROPPED,
        )
        self._raw_bytes = 0
        self._counting = threading.Lock()

    def append(self, row: tuple[Any, ...]) -> bool:
        """Add the bodies of a request; return whether there was room. Never blocks or raises."""
        size = _raw_size(row)
        with self._counting:
            if self._raw_bytes + size > MAX_RAW_BYTES:
                self._drop(1)
                return False
            self._raw_bytes += size
        is_added = super().append(row)
        if not is_added:
            self._forget(size)
        return is_added

    def _encoded(self, row: tuple[Any, ...]) -> bytes:
        self._forget(_raw_size(row))
        return encode(row)

    def _packed(self, rows: list[bytes]) -> bytes:
        return pack(rows)

    def _forget(self, size: int) -> None:
        with self._counting:
            self._raw_bytes -= size


def record(request: Any, response: Any) -> None:
    """Take the bodies of a finished request, if they are still to be kept at this moment."""
    now = clock.now().timestamp()
    principal = request.principal
    if now >= request.bodies_until or principal is None:
        return
    BUFFER.append(
        (
            request.request_id,
            principal.company_id,
            principal.mode,
            now,
            _request_side(request),
            _response_side(response),
        )
    )


def _raw_size(row: tuple[Any, ...]) -> int:
    return sum(len(side[2]) for side in row[4:6] if side[2] is not None)


def _request_side(request: Any) -> Side:
    meta = request.META
    media_type = _media_type(meta.get("CONTENT_TYPE", ""))
    # What Django read; looking at `request.body` could read it now, from a slow client.
    body = request.__dict__.get("_body")
    if body is None:
        announced = rows.whole(meta.get("CONTENT_LENGTH"))
        is_there = announced or "HTTP_TRANSFER_ENCODING" in meta
        return media_type, announced, None, UNREAD if is_there else EMPTY, ()
    return _side(media_type, body, ())


def _response_side(response: Any) -> Side:
    media_type = _media_type(response.headers.get("Content-Type", ""))
    if response.streaming:
        return media_type, 0, None, STREAMED, ()
    return _side(media_type, response.content, tuple(getattr(response, "shown_once", ())))


def _side(media_type: str, body: bytes, shown_once: tuple[str, ...]) -> Side:
    size = len(body)
    if not size:
        return media_type, 0, None, EMPTY, ()
    if media_type != "application/json" and not media_type.endswith("+json"):
        return media_type, size, None, TYPE, ()
    if size > MAX_READ_BYTES:
        return media_type, size, None, TOO_LARGE, ()
    return media_type, size, body, "", shown_once


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()[:100]


def encode(row: tuple[Any, ...]) -> bytes:
    """Return the JSON of a row recorded by `record`, with both bodies redacted and encrypted. Raises ValueError."""
    request_id, company_id, mode, at, request, response = row
    return orjson.dumps(
        [
            rows.request_hex(request_id),
            company_id.hex,
            mode,
            at,
            crypto.encrypt(_kept(request)).decode("ascii"),
            crypto.encrypt(_kept(response)).decode("ascii"),
        ]
    )


def pack(encoded: list[bytes]) -> bytes:
    """Return the sealed batch of `encoded` rows. It has no line break."""
    return sealed.seal(SCHEMA, b"[" + b",".join(encoded) + b"]")


def unpack(payload: bytes) -> list[list[Any]]:
    """Return the rows of a batch. Raises core.security.sealed.InvalidSealedValue, core.security.sealed.UnknownSchema, ValueError."""
    return batches.rows_in(sealed.unseal(SCHEMA, payload))


def _kept(side: Side) -> bytes:
    """Return the plain text that is encrypted: what audit.kept.KeptBody reads."""
    media_type, size, body, why, shown_once = side
    text, is_cut = "", False
    if body is not None:
        try:
            text, is_cut = readable(body, shown_once)
        except Exception:  # a hostile body: whatever is wrong with it, it is not kept
            why = INVALID
    return orjson.dumps(
        {
            "type": rows.plain_text(media_type, 100),
            "size": size,
            "text": text,
            "is_cut": is_cut,
            "why": why,
        }
    )


def readable(body: bytes, shown_once: tuple[str, ...] = ()) -> tuple[str, bool]:
    """Return a JSON body without its secrets, compact and at most MAX_KEPT_BYTES long, and whether it was cut.

    Redacted before it is cut, because half a secret would not be recognized. Raises ValueError for a body that is not JSON.
    """
    writer = _Writer(frozenset(shown_once))
    try:
        writer.write(orjson.loads(body), 0)
    except _Full:
        kept = b"".join(writer.pieces)[:MAX_KEPT_BYTES]
        # Not in the middle of a character.
        return kept.decode("utf-8", "ignore"), True
    return b"".join(writer.pieces).decode(), False


class _Full(Exception):
    """Enough was written."""


class _Writer:
    """Writes parsed JSON without its secrets, and no more of it than is kept."""

    def __init__(self, shown_once: frozenset[str], room: int = MAX_KEPT_BYTES, searched: int = 0) -> None:
        self.pieces: list[bytes] = []
        self.searched = searched
        self.has_redacted = False
        self._room = room
        self._shown_once = shown_once

    def write(self, value: Any, depth: int) -> None:
        """Write a value. Raises _Full."""
        if isinstance(value, str):
            self._add(orjson.dumps(self._text(value, depth)))
        elif not isinstance(value, (dict, list)):
            self._write_scalar(value)
        elif depth == _MAX_DEPTH:
            self._add(_TOO_DEEP)
        elif isinstance(value, dict):
            self._write_object(value, depth)
        else:
            self._add(b"[")
            for index, item in enumerate(value):
                if index:
                    self._add(b",")
                self.write(item, depth + 1)
            self._add(b"]")

    def _write_object(self, value: dict[str, Any], depth: int) -> None:
        self._add(b"{")
        for index, (name, item) in enumerate(value.items()):
            if len(name) <= _MAX_KNOWN_NAME:
                written, is_secret = _known_name(name)
            else:
                written, is_secret = orjson.dumps(self._text(name, _MAX_DEPTH)) + b":", is_secret_name(name)
            self._add(b"," + written if index else written)
            # Whether there is one says nothing of what it is.
            if item is None or isinstance(item, bool) or not (is_secret or name in self._shown_once):
                self.write(item, depth + 1)
            else:
                self._write_redacted()
        self._add(b"}")

    def _write_scalar(self, value: Any) -> None:
        written = orjson.dumps(value)
        if (
            isinstance(value, (int, float))
            and hide_card_numbers(written.decode().removesuffix(".0"), "") == ""
        ):
            self._write_redacted()
        else:
            self._add(written)

    def _write_redacted(self) -> None:
        self.has_redacted = True
        self._add(_REDACTED)

    def _text(self, text: str, depth: int) -> str:
        """Return a text without secrets, also as the JSON that it may be."""
        self.searched += len(text)
        if self.searched > _MAX_SEARCHED:
            self.searched -= len(text)
            return f"[text of {len(text):,} characters]"
        if (
            depth < _MAX_DEPTH
            and text.lstrip()[:1] in ("{", "[")
            and (inner := self._json_in(text, depth)) is not None
        ):
            self.has_redacted = True
            return inner
        redacted = _redacted(text)
        if redacted != text:
            self.has_redacted = True
        return redacted

    def _json_in(self, text: str, depth: int) -> str | None:
        """Return the JSON in a text without its secrets, cut where there is no room; None if it has none, or is not JSON."""
        try:
            value = orjson.loads(text)
        except ValueError:
            return None
        inner = _Writer(self._shown_once, self._room, self.searched)
        is_full = False
        try:
            inner.write(value, depth + 1)
        except _Full:
            is_full = True
        self.searched = inner.searched
        return b"".join(inner.pieces).decode() if is_full or inner.has_redacted else None

    def _add(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self._room -= len(piece)
        if self._room < 0:
            raise _Full


@lru_cache(maxsize=2_000)
def _known_name(name: str) -> tuple[bytes, bool]:
    """Return the name of a member as it is written, and whether its value is a secret."""
    return orjson.dumps(_redacted(name)) + b":", is_secret_name(name)


def _redacted(text: str) -> str:
    return hide_card_numbers(hide_parameters(redact_text(text), REDACTED), REDACTED)


BUFFER = Bodies()


def _forget_parent() -> None:
    global BUFFER
    BUFFER = Bodies()


# As for requests (audit.ingest.buffer): the parent ships its own.
os.register_at_fork(after_in_child=_forget_parent)
