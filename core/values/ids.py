"""Identifiers: UUIDv7 in the database, TypeIDs such as `cus_01h…` wherever people and programs see them (docs/architecture.md, Contracts)."""

import uuid
from datetime import datetime

import uuid_utils.compat
from typeid import TypeID
from typeid.codecs import base32
from typeid.core.errors import TypeIDException


class InvalidId(ValueError):
    """The text is not an identifier with the expected prefix."""


def new_id() -> uuid.UUID:
    """Return a new UUIDv7 (RFC 9562), ordered by creation time."""
    return uuid_utils.compat.uuid7()


# An object's id is made a moment before or after its `created`: a range of one is this much wider as a range of the other.
ID_MARGIN_SECONDS = 5


def first_id(moment: datetime, *, shift_seconds: int = 0) -> uuid.UUID:
    """Return the smallest UUIDv7 of the millisecond `moment` lies in: every identifier made since is at or above it.

    `shift_seconds` moves the bound, where adding to `moment` itself could leave the years a datetime has.
    """
    milliseconds = int(moment.timestamp() * 1000) + shift_seconds * 1000
    return uuid.UUID(int=min(max(milliseconds, 0), 2**48 - 1) << 80)


def encode(prefix: str, value: uuid.UUID) -> str:
    """Return the TypeID of `value`, for example `cus_01hzy…`. The prefix is one of ours, so it is not checked."""
    return f"{prefix}_{base32.encode(value.bytes)}"


def decode(prefix: str, text: str) -> uuid.UUID:
    """Return the UUID inside the TypeID `text`.

    Raises InvalidId when `text` is malformed or carries another prefix.
    """
    found, _, suffix = text.rpartition("_")
    # TypeID would make up a new identifier for an empty suffix.
    if found != prefix or not suffix:
        raise InvalidId(f"expected an ID that begins with {prefix}_")
    try:
        return uuid.UUID(bytes=bytes(TypeID(prefix=prefix, suffix=suffix).uuid_bytes))
    except TypeIDException as error:
        raise InvalidId(f"expected an ID that begins with {prefix}_") from error
