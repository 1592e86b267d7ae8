"""What travels with other statements instead of by itself, on the default connection (`core.postgres.base`)."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections


def send_later(sql: str, params: Sequence[Any] | Mapping[str, Any]) -> None:
    """Execute a write together with the transaction's next query, or with its COMMIT (DatabaseWrapper.send_later)."""
    _database().send_later(sql, params)


def ending_with_next_query() -> AbstractContextManager[None]:
    """Let the COMMIT of a transaction that only reads travel behind its last query, which is made inside."""
    ending: AbstractContextManager[None] = _database().ending_with_next_query()
    return ending


def _database() -> Any:
    return connections[DEFAULT_DB_ALIAS]  # our own wrapper, which the stubs do not know
