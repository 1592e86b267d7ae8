"""Bulk inserts by COPY on the default connection."""

from contextlib import AbstractContextManager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import Copy


def copying(sql: str) -> AbstractContextManager[Copy]:
    """Send rows by `COPY … FROM STDIN` in the current transaction. Raises django.db.Error (DatabaseWrapper.copying)."""
    database: Any = connections[DEFAULT_DB_ALIAS]  # our own wrapper, which the stubs do not know
    started: AbstractContextManager[Copy] = database.copying(sql)
    return started
