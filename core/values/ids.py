"""IDs: UUIDv7 in the database, TypeIDs such as `cus_01h…` everywhere else (docs/architecture.md, Contracts)."""

import uuid
from datetime import datetime

import uuid_utils.compat
from typeid import TypeID
from typeid.codecs import base32
from typeid.core.errors import TypeIDException


class InvalidId(ValueError):
    """The text is not an ID with the expected prefix."""


def new_id() -> uuid.UUID:
    """Return a new UUIDv7 (RFC 9562), ordered by creation time."""
    return uuid_utils.compat.uuid7()


# An object's ID is generated slightly before or after its `created`, so a range of one is this much wider as a range of the other.
ID_MARGIN_SECONDS = 5


def first_id(moment: datetime, *, shift_seconds: int = 0) -> uuid.UUID:
    """Return the smallest UUIDv7 of the millisecond of `moment`: every ID generated since is greater or equal.

    `shift_seconds` moves the bound, because adding to `moment` itself could overflow a datetime.
    """
    milliseconds = int(moment.timestamp() * 1000) + shift_seconds * 1000
    return uuid.UUID(int=min(max(milliseconds, 0), 2**48 - 1) << 80)


def encode(prefix: str, value: uuid.UUID) -> str:
    """Return the TypeID of `value`, for example `cus_01hzy…`. The prefix is not validated."""
    return f"{prefix}_{base32.encode(value.bytes)}"


def decode(prefix: str, text: str) -> uuid.UUID:
    """Return the UUID of the TypeID `text`.

    Raises InvalidId if `text` is malformed or has another prefix.
    """
    found, _, suffix = text.rpartition("_")
    # TypeID would generate a new ID for an empty suffix.
    if found != prefix or not suffix:
        raise InvalidId(f"expected an ID that begins with {prefix}_")
    try:
        return uuid.UUID(bytes=bytes(TypeID(prefix=prefix, suffix=suffix).uuid_bytes))
    except TypeIDException as error:
        raise InvalidId(f"expected an ID that begins with {prefix}_") from error
