"""The hashed content of a row, read back from the database: the same list that was hashed when the row was sealed."""

import ipaddress
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from core.clock import rfc3339

_COMMON = (
    "action, actor_kind, actor_id, actor_name, target_type, target_id, host(ip), user_agent, request_id, "
    "changes::text, detail::text"
)
ENTRY_COLUMNS = f"id, company_id, mode, created, {_COMMON}"
STAFF_COLUMNS = f"id, NULL::uuid, NULL::text, created, {_COMMON}"
REQUEST_COLUMNS = (
    "id, company_id, mode, key, key_name, method, route, path, status, duration_us, request_bytes, response_bytes, "
    "host(ip), user_agent, refused_by, trace::text, client_request_id, traceparent"
)
UNOWNED_COLUMNS = (
    "id, NULL::uuid, NULL::text, NULL::uuid, '', method, route, path, status, duration_us, request_bytes, "
    "response_bytes, host(ip), user_agent, refused_by, trace::text, client_request_id, traceparent"
)


def entry_content(values: Any) -> list[Any]:
    """Return an entry's content from a row of ENTRY_COLUMNS or STAFF_COLUMNS.

    Fractions inside `changes` and `detail` become strings, because JSON encoders format them differently.
    """
    row = list(values)
    row[0] = row[0].hex
    row[1] = row[1].hex if row[1] is not None else None
    row[3] = rfc3339(row[3] if isinstance(row[3], datetime) else datetime.fromtimestamp(row[3], tz=UTC))
    row[10] = _address(row[10])
    row[13], row[14] = (_without_fractions(json.loads(text, parse_float=str)) for text in row[13:15])
    return row


def request_content(values: Any) -> list[Any]:
    """Return a request's content from a row of REQUEST_COLUMNS or UNOWNED_COLUMNS."""
    row = list(values)
    for index in (0, 1, 3):
        row[index] = row[index].hex if isinstance(row[index], uuid.UUID) else None
    row[12] = _address(row[12])
    row[15] = json.loads(row[15]) if row[15] is not None else None
    return hashed_request(row)


def hashed_request(row: list[Any]) -> list[Any]:
    """Return the hashed content of a request's row. If the last two texts are empty, it has the format from before they existed.

    Older seals remain valid, and adding or removing one of the texts changes the hash.
    """
    return row if row[16] or row[17] else row[:16]


def _address(text: str | None) -> str | None:
    """Return an address in Python's format, as web processes write it."""
    return str(ipaddress.ip_address(text)) if text is not None else None


def _without_fractions(value: Any) -> Any:
    # Integers beyond 64 bits become strings too, because not every JSON encoder supports them.
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, dict):
        return {name: _without_fractions(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_fractions(inner) for inner in value]
    return value
