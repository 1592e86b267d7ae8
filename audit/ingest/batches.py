"""A batch of requests on its way: sealed by the process that saw them, since Valkey and files are not to be believed.

What the writer stores becomes evidence that is signed with our key; so it takes nothing that no process of ours sealed.
"""

from typing import Any

import orjson

from audit.ingest.rows import CONTENT
from core import sealed

SCHEMA = sealed.tag_of("request-rows", CONTENT)


def pack(rows: list[bytes]) -> bytes:
    """Return the sealed batch of `rows`, each the canonical JSON of a row. It has no line break."""
    return sealed.seal(SCHEMA, b"[" + b",".join(rows) + b"]")


def unpack(payload: bytes) -> list[list[Any]]:
    """Return the rows of a batch. Raises core.sealed.NotOurs, core.sealed.UnknownSchema."""
    rows: list[list[Any]] = orjson.loads(sealed.unseal(SCHEMA, payload))
    return rows
