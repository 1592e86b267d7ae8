"""A batch of requests in transit, sealed with a MAC by the process that served them, because Valkey and files are not trusted.

What the writer stores becomes evidence signed with our key, so it only accepts batches sealed by our own processes.
"""

from typing import Any

import orjson

from audit.ingest.rows import CONTENT, FORMER_CONTENT, pad
from core.security import sealed

SCHEMA = sealed.tag_of("request-rows", CONTENT)
# The schema of the previous release, whose web processes may still run beside this writer.
FORMER_SCHEMA = sealed.tag_of("request-rows", FORMER_CONTENT)


def pack(rows: list[bytes]) -> bytes:
    """Return the sealed batch of `rows`, each the canonical JSON of a row. It has no line break."""
    return sealed.seal(SCHEMA, b"[" + b",".join(rows) + b"]")


def unpack(payload: bytes) -> list[list[Any]]:
    """Return the rows of a batch. Raises core.security.sealed.InvalidSealedValue, core.security.sealed.UnknownSchema, ValueError."""
    try:
        return rows_in(sealed.unseal(SCHEMA, payload))
    except sealed.UnknownSchema as error:
        if str(error) != FORMER_SCHEMA:
            raise
        return [pad(row) for row in rows_in(sealed.unseal(FORMER_SCHEMA, payload))]


def rows_in(unsealed: bytes) -> list[list[Any]]:
    """Return the rows in the JSON of a batch. Raises ValueError."""
    rows = orjson.loads(unsealed)
    if not isinstance(rows, list):
        raise ValueError("not a list of rows")  # noqa: TRY004 - a value of the batch
    return rows
