"""Writes whose result nobody waits for, on the default connection."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections


def send_later(sql: str, params: Sequence[Any] | Mapping[str, Any]) -> None:
    """Execute a write together with the transaction's next query, or with its COMMIT (DatabaseWrapper.send_later)."""
    database: Any = connections[DEFAULT_DB_ALIAS]  # our own wrapper, which the stubs do not know
    database.send_later(sql, params)
