"""Moving what is stored to a new secret: `manage.py rotate_secrets` takes every step and says what still needs a former one.

Apps add their encrypted columns and their steps from their AppConfig. Everything may be interrupted and begun again: a value that is
already under the current key is left alone. The order in which a secret is replaced is in docs/runbooks/rotate-secrets.md.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from django.db import connection, transaction

from core.security import crypto
from core.tenancy import system_context

BATCH = 500
Tell = Callable[[str], None]


class Step(Protocol):
    """One step. Tells its progress line by line and returns whether nothing needs a former secret any more."""

    def __call__(self, *, tell: Tell) -> bool: ...


STEPS: dict[str, Step] = {}


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """A column that holds values under FIELD_ENCRYPTION_KEYS: as bytes, as text, or as texts anywhere inside a JSON document."""

    table: str
    column: str
    kind: Literal["bytes", "text", "json"]

    @property
    def name(self) -> str:
        """How it is called when its progress is told."""
        return f"{self.table}.{self.column}"


ENCRYPTED_COLUMNS: list[EncryptedColumn] = []


@dataclass(slots=True)
class Moved:
    """What became of a column's values: looked at, encrypted anew, readable under no configured key."""

    seen: int = 0
    moved: int = 0
    unreadable: int = 0
    changed_meanwhile: int = 0


def encrypt_anew(column: EncryptedColumn, *, tell: Tell | None = None) -> Moved:
    """Encrypt every value of a column under the current key, in small transactions; what is under it already is not written.

    A row that somebody changes at the same moment is left to them (they write under the current key).
    """
    counts = Moved()
    last: Any = None
    while rows := _next_rows(column, last):
        for row_id, value in rows:
            _move(column, row_id, value, counts)
        last = rows[-1][0]
        counts.seen += len(rows)
        if tell:
            tell(f"{column.name}: {counts.seen} checked, {counts.moved} re-encrypted")
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


def _move(column: EncryptedColumn, row_id: Any, value: Any, counts: Moved) -> None:
    try:
        anew = _anew(column, value)
    except crypto.Undecryptable:
        counts.unreadable += 1
        return
    if anew is None:
        return
    cast = "::jsonb" if column.kind == "json" else ""
    with system_context(reason="rotate field keys"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {column.table} SET {column.column} = %s{cast} "  # noqa: S608 - our own names
            f"WHERE id = %s AND {column.column} = %s{cast}",
            [anew, row_id, value],
        )
        if cursor.rowcount:
            counts.moved += 1
        else:
            counts.changed_meanwhile += 1


def _anew(column: EncryptedColumn, value: Any) -> Any:
    """Return the value under the current key; None when it is already, or holds nothing. Raises Undecryptable."""
    if value is None or not len(value):
        return None
    if column.kind == "bytes":
        token = bytes(value)
        return None if crypto.is_current(token) else crypto.reencrypt(token)
    if column.kind == "text":
        token = value.encode("ascii")
        return None if crypto.is_current(token) else crypto.reencrypt(token).decode("ascii")
    document = json.loads(value)
    anew = _anew_inside(document)
    return None if anew == document else json.dumps(anew)


def _anew_inside(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _anew_inside(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_anew_inside(inner) for inner in value]
    if isinstance(value, str) and value.startswith(crypto.TOKEN_PREFIX):
        token = value.encode("ascii")
        return value if crypto.is_current(token) else crypto.reencrypt(token).decode("ascii")
    return value


def move_fields(*, tell: Tell) -> bool:
    """Encrypt every registered column anew. True when everything is under the first of FIELD_ENCRYPTION_KEYS."""
    whole = True
    for column in ENCRYPTED_COLUMNS:
        counts = encrypt_anew(column, tell=tell)
        said = f"{column.name}: done: {counts.seen} checked, {counts.moved} re-encrypted"
        if counts.unreadable:
            said += f", {counts.unreadable} readable under none of FIELD_ENCRYPTION_KEYS"
        tell(said)
        whole = whole and not counts.unreadable and not counts.changed_meanwhile
    return whole


STEPS["FIELD_ENCRYPTION_KEYS"] = move_fields
