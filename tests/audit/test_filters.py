"""Every filter of the audit and request lists uses an index under the role `app`, despite row-level security."""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from audit.ingest.store import store
from audit.selectors import EntryFilter, RequestFilter, list_entries, list_requests
from core import clock
from core.tenancy import tenant_context
from core.values import ids
from tests.audit.rows import make_row
from tests.engines import superuser_url
from tests.factories import World

KEY = ids.encode("key", ids.new_id())
REQUEST_FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "key": {"key": KEY},
    "route": {"route": "/v1/customers"},
    "status": {"status": "404"},
    "4xx": {"status": "4xx"},
    "5xx": {"status": "5xx"},
    "refused_by": {"refused_by": "ip_not_allowed"},
    "address": {"ip": "203.0.113.9"},
    "network": {"ip": "203.0.113.0/24"},
    "path": {"text": "/v1/customers/cus_"},
    "request": {"text": ids.encode("req", ids.new_id())},
    "client's id": {"client_request_id": "order-4711"},
    "trace": {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
    "time": {"since": clock.now() - timedelta(hours=1), "until": clock.now()},
    "key and 5xx": {"key": KEY, "status": "5xx"},
}
ENTRY_FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "action": {"action": "api_key.created"},
    "actions": {"action": "api_key.*"},
    "actor": {"actor": "usr_1"},
    "target": {"target": "co_1"},
    "address": {"ip": "203.0.113.9"},
    "network": {"ip": "2001:db8::/32"},
    "text": {"text": "Ada"},
    "request": {"text": "req_1"},
    "time": {"since": clock.now() - timedelta(hours=1)},
}


def conditions_of(queryset: Any) -> Iterator[tuple[str, str]]:
    """Yield (kind of node, what it looks up by index) of every scan in the plan of a page."""
    with connection.cursor() as cursor:
        # A small table is read as a whole whatever there is; the question is whether an index could serve.
        cursor.execute("SET LOCAL enable_seqscan = off")
        sql, arguments = queryset.order_by("-pk")[:21].query.sql_with_params()
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", arguments)
        (plan,) = cursor.fetchone()
    waiting = [(json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if "Scan" in node["Node Type"]:
            yield node["Node Type"], node.get("Index Cond", "")


@pytest.mark.parametrize("name", REQUEST_FILTERS)
def test_request_filters_use_indexes(world: World, name: str) -> None:
    store([make_row(world.company.id)])
    with tenant_context(world.tenant()):
        scans = list(conditions_of(list_requests(RequestFilter(**REQUEST_FILTERS[name]))))
    assert scans
    assert not [kind for kind, _ in scans if kind == "Seq Scan"]


@pytest.mark.parametrize("name", ENTRY_FILTERS)
def test_entry_filters_use_indexes(world: World, name: str) -> None:
    with tenant_context(world.tenant()):
        scans = list(conditions_of(list_entries(EntryFilter(**ENTRY_FILTERS[name]))))
    assert scans
    assert not [kind for kind, _ in scans if kind == "Seq Scan"]


@pytest.mark.parametrize(
    ("name", "column"),
    [("key", "key"), ("route", "route"), ("status", "status"), ("address", "ip"), ("path", "path")],
)
def test_indexed_columns_are_looked_up_by_index(world: World, name: str, column: str) -> None:
    """Were the comparison not leakproof, PostgreSQL would apply it after the policy, to every row of the company."""
    with tenant_context(world.tenant()):
        connection.cursor().execute("SET LOCAL enable_bitmapscan = off")
        scans = list(conditions_of(list_requests(RequestFilter(**REQUEST_FILTERS[name]))))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT bool_and(p.proleakproof) FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode "
                "JOIN pg_attribute a ON a.attrelid = 'audit_requestlog'::regclass AND a.attname = %s "
                "WHERE o.oprname IN ('=', '<', '>=', '<=', '>') AND o.oprleft = o.oprright "
                "AND o.oprleft = CASE a.atttypid WHEN 'varchar'::regtype THEN 'text'::regtype ELSE a.atttypid END",
                [column],
            )
            assert cursor.fetchone() == (True,)
    assert scans


def test_failures_of_one_key_are_found_by_index(world: World) -> None:
    keys = [uuid.uuid4().hex for _ in range(10)]
    statuses = [500] * 6 + [200] * 60
    store([make_row(world.company.id, key=key, status=status) for status in statuses for key in keys])
    with psycopg.connect(superuser_url(), autocommit=True) as owner:
        owner.execute("ANALYZE audit_requestlog")

    with tenant_context(world.tenant()), connection.cursor() as cursor:
        found = list_requests(RequestFilter(key=ids.encode("key", uuid.UUID(keys[0])), status="5xx"))
        sql, arguments = found.order_by("-pk")[:21].query.sql_with_params()
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE) {sql}", arguments)
        plan = "\n".join(line for (line,) in cursor.fetchall())
        count = found.count()

    assert count == 6
    assert "Rows Removed by Filter" not in plan, plan
