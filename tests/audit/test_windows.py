"""Logs are read newest first, a few days at a time: without gaps, repeats or unnecessary reads."""

import json
import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from audit.days import first_id
from audit.ingest.store import store
from audit.models import RequestLog
from audit.partitions.tables import ensure_partitions
from audit.windows import newest, oldest, paginate_log
from core import clock
from core.api.pagination import Page
from core.tenancy import tenant_context
from core.values import ids
from tests.audit.rows import make_row
from tests.factories import World

DAYS_AGO = (0, 0, 0, 1, 2, 7, 8, 29, 30, 31, 60)


def fill(world: World) -> list[str]:
    """Store a request of each of DAYS_AGO, in no order; return their paths, newest first."""
    now = clock.now()
    ensure_partitions([now.date() - timedelta(days=days) for days in DAYS_AGO])
    rows = []
    for number, days in enumerate(DAYS_AGO):
        moment = now - timedelta(days=days, seconds=number)
        identifier = first_id(moment).hex[:12] + "7" + ids.new_id().hex[13:]
        rows.append(make_row(world.company.id, id=identifier, path=f"/v1/n/{number}"))
    store(rows[::-1])
    return [f"/v1/n/{number}" for number in range(len(DAYS_AGO))]


def test_every_row_comes_once_in_its_order(world: World) -> None:
    expected = fill(world)
    with tenant_context(world.tenant()):
        assert [row.path for row in newest(RequestLog.objects.all(), 100)] == expected
        for count in range(1, len(expected) + 1):
            assert [row.path for row in newest(RequestLog.objects.all(), count)] == expected[:count]


def test_pages_of_any_size_meet_without_gap_or_repeat(world: World) -> None:
    expected = fill(world)
    with tenant_context(world.tenant()):
        for size in (1, 2, 3, 5):
            seen: list[RequestLog] = []
            while found := newest(
                RequestLog.objects.filter(pk__lt=seen[-1].pk) if seen else RequestLog.objects.all(), size
            ):
                seen += found
            assert [row.path for row in seen] == expected


def test_full_page_from_recent_days_reads_no_older_partitions(world: World) -> None:
    fill(world)
    with tenant_context(world.tenant()), CaptureQueriesContext(connection) as queries:
        newest(RequestLog.objects.all(), 3)
    statements = [one["sql"] for one in queries if "FROM" in one["sql"] and "audit_requestlog" in one["sql"]]
    assert len(statements) == 1
    # Yesterday, today and tomorrow: the other hundred partitions are not even planned for.
    assert partitions_read(world, statements) == {
        f"audit_requestlog_p{clock.now() + timedelta(days=days):%Y%m%d}" for days in (-1, 0, 1)
    }


def test_pages_meet_when_paging_backwards(world: World) -> None:
    expected = fill(world)
    with tenant_context(world.tenant()):
        for size in (1, 3, 20):
            page = page_of(size)
            while page.has_more:
                page = page_of(size, starting_after=page.following)
            seen = [row.path for row in page.items]
            while page.previous:
                page = page_of(size, ending_before=page.previous)
                seen = [row.path for row in page.items] + seen
            assert seen == expected


def test_paging_back_from_an_old_row_reads_only_its_days(world: World) -> None:
    fill(world)
    with tenant_context(world.tenant()):
        # 31 days ago; others are 30 and 29 days ago
        old = newest(RequestLog.objects.all(), len(DAYS_AGO))[-2]
        with CaptureQueriesContext(connection) as queries:
            page = page_of(1, ending_before=old.public_id)
    assert [row.path for row in page.items] == ["/v1/n/8"]
    read = partitions_read(world, [one["sql"] for one in queries if '"audit_requestlog"' in one["sql"]])
    assert read == {f"audit_requestlog_p{clock.now() - timedelta(days=days):%Y%m%d}" for days in (29, 30, 31)}


@pytest.mark.parametrize(("cursor", "rows"), [(0, len(DAYS_AGO)), (2**128 - 1, 0)])
def test_paging_back_from_a_missing_row_terminates(world: World, cursor: int, rows: int) -> None:
    expected = fill(world)
    with tenant_context(world.tenant()):
        found = oldest(RequestLog.objects.all(), 20, after=UUID(int=cursor))
    assert [row.path for row in found] == expected[::-1][:rows]


def page_of(size: int, **cursor: str | None) -> Page:
    return paginate_log(RequestLog.objects.all(), RequestFactory().get("/", {"limit": size, **cursor}))


def partitions_read(world: World, statements: list[str]) -> set[str]:
    """Return the partitions that PostgreSQL plans to read for these statements on the log."""
    found: set[str] = set()
    for statement in statements:
        select = statement[statement.index('SELECT "audit_requestlog"') :]
        with tenant_context(world.tenant()), connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {select}")
            plan = cursor.fetchone()[0]
        text = plan if isinstance(plan, str) else json.dumps(plan)
        found |= set(re.findall(r'"Relation Name": "(\w+)"', text))
    return found


def test_distant_cursor_is_found(world: World) -> None:
    expected = fill(world)
    with tenant_context(world.tenant()):
        middle = newest(RequestLog.objects.all(), 9)[-1]
        rows = newest(RequestLog.objects.filter(pk__lt=middle.pk), 20)
    assert [row.path for row in rows] == expected[9:]
