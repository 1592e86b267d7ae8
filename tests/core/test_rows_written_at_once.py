"""Bulk updates of rows that are concurrently deleted or changed behave like a plain UPDATE."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from uuid import UUID

import psycopg
import pytest

from core.models import OutboxEvent
from core.postgres.rows import insert_rows, update_rows
from core.tenancy import tenant_context
from core.values import ids
from tests.engines import superuser_url
from tests.factories import World

_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"


@pytest.fixture
def rows(world: World) -> list[UUID]:
    found = [ids.new_id() for _ in range(3)]
    with tenant_context(world.tenant()):
        insert_rows(
            OutboxEvent,
            [
                {"id": one, "type": "test.happened", "object_id": "before", "data": {}, "public": True}
                for one in found
            ],
        )
    return found


def stored(world: World) -> dict[UUID, tuple[str, str]]:
    with tenant_context(world.tenant()):
        found = OutboxEvent.objects.filter(type__startswith="test.")
        return {row.id: (row.type, row.object_id) for row in found}


@contextmanager
def committed_once_waited_for(statement: str, row_id: UUID) -> Iterator[None]:
    """Run `statement` on another connection, and commit it when the block waits for it."""
    with psycopg.connect(superuser_url()) as other:
        other.execute(statement, [row_id])
        has_waited = []

        def commit() -> None:
            with psycopg.connect(superuser_url(), autocommit=True) as watch:
                end = time.monotonic() + 20
                while not (waiting := watch.execute(_WAITING).fetchone()[0]) and time.monotonic() < end:  # type: ignore[index]
                    time.sleep(0.01)
            has_waited.append(waiting)
            other.commit()

        thread = Thread(target=commit)
        thread.start()
        yield
        thread.join()
    assert has_waited == [1]


@pytest.fixture
def write(world: World) -> Callable[[list[UUID]], None]:
    def write_all(found: list[UUID]) -> None:
        with tenant_context(world.tenant()):
            update_rows(OutboxEvent, [{"id": one, "object_id": "after"} for one in found])

    return write_all


@pytest.mark.parametrize("count", [1, 3], ids=["one row", "several rows"])
def test_row_deleted_during_an_update_stays_deleted(
    world: World, rows: list[UUID], write: Callable[[list[UUID]], None], count: int
) -> None:
    written = rows[-count:]

    with committed_once_waited_for("DELETE FROM core_outboxevent WHERE id = %s", rows[-1]):
        write(written)

    assert stored(world) == {
        one: ("test.happened", "after" if one in written else "before") for one in rows[:-1]
    }


@pytest.mark.parametrize("count", [1, 3], ids=["one row", "several rows"])
def test_row_changed_during_an_update_keeps_both_changes(
    world: World, rows: list[UUID], write: Callable[[list[UUID]], None], count: int
) -> None:
    written = rows[-count:]

    with committed_once_waited_for(
        "UPDATE core_outboxevent SET type = 'test.changed', object_id = 'other' WHERE id = %s", rows[-1]
    ):
        write(written)

    assert stored(world) == {
        one: (
            "test.changed" if one == rows[-1] else "test.happened",
            "after" if one in written else "before",
        )
        for one in rows
    }
