"""Moves stored data to a new secret: `manage.py rotate_secrets` runs every step and reports what still needs a previous one.

Apps register their encrypted columns and steps in their AppConfig. Every step can be interrupted and restarted: values already
encrypted with the current key are skipped. docs/runbooks/rotate-secrets.md describes how to replace each secret.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from django.db import connection, transaction

from core.security import crypto
from core.tenancy import system_context

BATCH = 500
Report = Callable[[str], None]


class Step(Protocol):
    """One step. Reports progress line by line, and returns whether nothing needs a previous secret any more."""

    def __call__(self, *, report: Report) -> bool: ...


STEPS: dict[str, Step] = {}


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """A column encrypted with FIELD_ENCRYPTION_KEYS: bytes, text, or strings anywhere inside a JSON document."""

    table: str
    column: str
    kind: Literal["bytes", "text", "json"]

    @property
    def name(self) -> str:
        """The name used in progress messages."""
        return f"{self.table}.{self.column}"


ENCRYPTED_COLUMNS: list[EncryptedColumn] = []


@dataclass(slots=True)
class ReencryptionCounts:
    """The outcome for a column's values: checked, re-encrypted, not decryptable with any configured key."""

    seen: int = 0
    moved: int = 0
    unreadable: int = 0
    changed_meanwhile: int = 0


def reencrypt_column(column: EncryptedColumn, *, report: Report | None = None) -> ReencryptionCounts:
    """Re-encrypt every value of a column with the current key, in small transactions. Up-to-date values are not written.

    A row that is changed concurrently is left alone, since that write uses the current key.
    """
    counts = ReencryptionCounts()
    last: Any = None
    while rows := _next_rows(column, last):
        for row_id, value in rows:
            _move(column, row_id, value, counts)
        last = rows[-1][0]
        counts.seen += len(rows)
        if report:
            report(f"{column.name}: {counts.seen} checked, {counts.moved} re-encrypted")
    return counts


def _next_rows(column: EncryptedColumn, last: Any) -> list[tuple[Any, Any]]:
    after = "WHERE id > %s" if last is not None else ""
    shown = f"{column.column}::text" if column.kind == "json" else column.column
    with system_context(reason="rotate field keys"), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {shown} FROM {column.table} {after} ORDER BY id LIMIT {BATCH}",  # noqa: S608 - our own names
            [last] if last is not None else [],
        )
        return list(cursor.fetchall())


def _move(column: EncryptedColumn, row_id: Any, value: Any, counts: ReencryptionCounts) -> None:
    try:
        reencrypted = _reencrypted(column, value)
    except crypto.Undecryptable:
        counts.unreadable += 1
        return
    if reencrypted is None:
        return
    cast = "::jsonb" if column.kind == "json" else ""
    with system_context(reason="rotate field keys"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {column.table} SET {column.column} = %s{cast} "  # noqa: S608 - our own names
            f"WHERE id = %s AND {column.column} = %s{cast}",
            [reencrypted, row_id, value],
        )
        if cursor.rowcount:
            counts.moved += 1
        else:
            counts.changed_meanwhile += 1


def _reencrypted(column: EncryptedColumn, value: Any) -> Any:
    """Return the value re-encrypted with the current key; None if it already is, or is empty. Raises Undecryptable."""
    if value is None or not len(value):
        return None
    if column.kind == "bytes":
        token = bytes(value)
        return None if crypto.is_current(token) else crypto.reencrypt(token)
    if column.kind == "text":
        token = value.encode("ascii")
        return None if crypto.is_current(token) else crypto.reencrypt(token).decode("ascii")
    document = json.loads(value)
    reencrypted = _reencrypted_inside(document)
    return None if reencrypted == document else json.dumps(reencrypted)


def _reencrypted_inside(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reencrypted_inside(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_reencrypted_inside(inner) for inner in value]
    if isinstance(value, str) and value.startswith(crypto.TOKEN_PREFIX):
        token = value.encode("ascii")
        return value if crypto.is_current(token) else crypto.reencrypt(token).decode("ascii")
    return value


def move_fields(*, report: Report) -> bool:
    """Re-encrypt all registered columns. Return whether everything uses the first of FIELD_ENCRYPTION_KEYS."""
    whole = True
    for column in ENCRYPTED_COLUMNS:
        counts = reencrypt_column(column, report=report)
        line = f"{column.name}: done: {counts.seen} checked, {counts.moved} re-encrypted"
        if counts.unreadable:
            line += f", {counts.unreadable} readable under none of FIELD_ENCRYPTION_KEYS"
        report(line)
        whole = whole and not counts.unreadable and not counts.changed_meanwhile
    return whole


STEPS["FIELD_ENCRYPTION_KEYS"] = move_fields
