"""Statements that are sent together with others on the default connection (`core.postgres.base`)."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections


def send_later(sql: str, params: Sequence[Any] | Mapping[str, Any]) -> None:
    """Queue a write, to be executed with the transaction's next query or its COMMIT (DatabaseWrapper.send_later)."""
    _database().send_later(sql, params)


def ending_with_next_query(*, after_writes: bool = False) -> AbstractContextManager[None]:
    """Append the COMMIT to the last query of a read-only transaction, made inside the block (DatabaseWrapper)."""
    ending: AbstractContextManager[None] = _database().ending_with_next_query(after_writes=after_writes)
    return ending


def _database() -> Any:
    return connections[DEFAULT_DB_ALIAS]  # our own wrapper, which the stubs do not know
