"""Library errors are wrapped: PostgreSQL's as Django's, Valkey's as ValkeyUnavailable."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import DataError, OperationalError, connection

from core.postgres.copying import copying
from core.postgres.later import send_later
from core.tenancy import system_context
from core.valkey import commands, fences
from core.valkey.commands import CommandRefused, ValkeyUnavailable

APPS = ("accounts", "apikeys", "audit", "billing", "config", "core", "messaging", "webhooks")


@pytest.fixture
def _table() -> Iterator[None]:
    with system_context(reason="tests"), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE copied (id int, text text) ON COMMIT DROP")
        yield


@pytest.mark.usefixtures("_table")
@pytest.mark.parametrize(
    ("row", "message"),
    [((1, "a\x00b"), "NUL"), (("no number", "a"), "invalid input syntax"), ((2**40, "a"), "out of range")],
)
def test_row_refused_by_copy_raises_djangos_error(row: tuple[object, ...], message: str) -> None:
    with pytest.raises(DataError, match=message), copying("COPY copied FROM STDIN") as copy:
        copy.write_row(row)
    connection.set_rollback(True)


@pytest.mark.usefixtures("_table")
def test_text_refused_by_copy_raises_djangos_error() -> None:
    with pytest.raises(DataError, match="0x00"), copying("COPY copied FROM STDIN") as copy:
        copy.write("1\ta\x00b\n")
    connection.set_rollback(True)


@pytest.mark.usefixtures("_table")
def test_rows_are_copied_after_pending_writes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX ON copied (id)")
    send_later("INSERT INTO copied VALUES (%s, %s)", [1, "first"])
    with copying("COPY copied FROM STDIN") as copy:
        copy.write_row((2, "second"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM copied ORDER BY ctid")
        assert [text for (text,) in cursor.fetchall()] == ["first", "second"]


def test_pending_write_failing_before_a_batch_raises_djangos_error() -> None:
    with pytest.raises(DataError), system_context(reason="tests"):  # noqa: PT012
        send_later("SELECT 1 / %s", [0])
        with connection.cursor() as cursor:
            cursor.executemany("SELECT %s", [[1], [2]])


def test_write_on_a_lost_connection_raises_djangos_error() -> None:
    with pytest.raises(OperationalError), system_context(reason="tests"):  # noqa: PT012
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.connection.close()
        send_later("SELECT %s", [1])


def test_cluster_without_a_node_raises_valkey_unavailable(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "PAUSE_SECONDS", 0.0)
    settings.VALKEY_URL = "redis+cluster://127.0.0.1:1"

    with pytest.raises(ValkeyUnavailable):
        commands.call("PING")
    with pytest.raises(ValkeyUnavailable):
        fences.mark(["{a}:fence"])


def test_unexpected_valkey_type_does_not_mark_the_server_as_down() -> None:
    commands.call("SET", "{poisoned}:fence", "no fence")

    with pytest.raises(CommandRefused, match="WRONGTYPE"):
        commands.call("LPUSH", "{poisoned}:fence", "1")
    fences.raise_now("{poisoned}:fence", 1)  # what is no fence counts as none

    assert commands.available()
    assert fences.mark(["{poisoned}:fence"])[0].version == 1
    assert fences.mark(["{another}:fence"])[0].version == 0
    commands.call("DEL", "{poisoned}:fence")


def test_nobody_bypasses_the_wrappers() -> None:
    """The driver's own connection, and the client library's, are for the modules that translate their errors."""
    around = []
    for app in APPS:
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py"):
            name = str(path.relative_to(settings.BASE_DIR))
            if name.startswith(("core/postgres/", "core/engines/")) or name in (
                "core/valkey/commands.py",
                "core/valkey/cache.py",
            ):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Attribute)
                    and ast.unparse(node) in ("connection.connection", "commands.client")
                ) or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("redis")):
                    around.append(f"{name}:{node.lineno}")
    assert around == []
