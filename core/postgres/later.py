"""What travels with other statements instead of by itself, on the default connection (`core.postgres.base`)."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections


def send_later(sql: str, params: Sequence[Any] | Mapping[str, Any]) -> None:
    """Execute a write together with the transaction's next query, or with its COMMIT (DatabaseWrapper.send_later)."""
    _database().send_later(sql, params)


def ending_with_next_query(*, after_writes: bool = False) -> AbstractContextManager[None]:
    """Let the COMMIT of a transaction travel behind its last query, which only reads and is made inside (DatabaseWrapper)."""
    ending: AbstractContextManager[None] = _database().ending_with_next_query(after_writes=after_writes)
    return ending


def _database() -> Any:
    return connections[DEFAULT_DB_ALIAS]  # our own wrapper, which the stubs do not know
