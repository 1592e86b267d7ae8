"""Requests are logged exactly once, with their roll-ups and seals, even if delivered repeatedly."""

import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from accounts.events import CompanyUpdated
from audit.ingest import batches, buffer, rows, stream
from audit.ingest.buffer import Buffer
from audit.ingest.store import store
from audit.ingest.writer import Writer
from audit.latency import LATENCY
from audit.models import (
    RequestLog,
    RequestRollup,
    Seal,
    SealHead,
    UnownedCount,
    UnownedRequest,
)
from audit.seals.entries import seal_waiting
from audit.seals.heads import chain_of, exported_heads, sign_heads, statement_of
from audit.signing import canonical, is_signed
from audit.usage import usage_by, usage_over_time
from core import clock
from core.events import publish
from core.principal import Principal
from core.security import sealed
from core.tenancy import system_context, tenant_context
from core.values import ids
from tests.audit.rows import make_row, seal_all
from tests.factories import World


def finished(world: World | None, **values: Any) -> dict[str, Any]:
    """What the pipeline hands over for a finished request."""
    request = SimpleNamespace(
        request_id=ids.encode("req", ids.new_id()),
        resolver_match=SimpleNamespace(route="v1/customers/<str:id>"),
        method="GET",
        path_info="/v1/customers/cus_1",
        client_ip="2001:db8::7",
        META={"HTTP_USER_AGENT": "curl/8\x00é", "CONTENT_LENGTH": "12"},
        trace=[{"check": "ip", "passed": False, "detail": "203.0.113.7 is not allowed", "fix": "Add it."}],
    )
    if world is not None:
        request.principal = Principal(
            kind="key",
            id=ids.encode("key", uuid.UUID("0191c8b0-d2c5-7a1e-8f6b-3a4c5d6e7f80")),
            name="ci-deploy",
            company_id=world.company.id,
            mode="live",
        )
    response = SimpleNamespace(status_code=200, headers={"Content-Length": "512"})
    return {"request": request, "response": response, "refused_by": None, "duration_ms": 4.2} | values


def drain() -> None:
    assert buffer.BUFFER.flush()
    Writer("test").drain(seconds=30)


def test_request_is_logged_with_all_its_fields(world: World) -> None:
    entry = finished(world)
    buffer.record(entry)
    drain()
    with tenant_context(world.tenant()):
        row = RequestLog.objects.get(id=ids.decode("req", entry["request"].request_id))
    assert (row.method, row.route, row.path) == ("GET", "/v1/customers/{id}", "/v1/customers/cus_1")
    assert (row.status, row.duration_us, row.request_bytes, row.response_bytes) == (200, 4200, 12, 512)
    assert (row.key, row.key_name) == (uuid.UUID("0191c8b0-d2c5-7a1e-8f6b-3a4c5d6e7f80"), "ci-deploy")
    assert (row.ip, row.user_agent) == ("2001:db8::7", "curl/8é")
    assert (row.refused_by, row.trace) == ("", None)
    assert row.public_id == entry["request"].request_id


def test_refused_request_keeps_its_decision_trace(world: World) -> None:
    entry = finished(world, refused_by="ip_not_allowed")
    buffer.record(entry)
    drain()
    with tenant_context(world.tenant()):
        row = RequestLog.objects.get(id=ids.decode("req", entry["request"].request_id))
    assert row.refused_by == "ip_not_allowed"
    assert row.trace == [
        {"check": "ip", "passed": False, "detail": "203.0.113.7 is not allowed", "fix": "Add it."}
    ]


@pytest.mark.parametrize(
    ("path", "agent", "kept"),
    [
        ("/v1/pm_live_" + "a" * 38, "curl", ("/v1/[redacted]", "curl")),
        ("/v1/pm%255Flive%255F" + "a" * 38, "curl", ("/v1/[redacted]", "curl")),
        ("/v1/Basic dXNlcjpwYXNz", "Bearer aB3dE5gH7jK9mN1pQ3", ("/v1/[redacted]", "[redacted]")),
        ("/v1/" + "x" * 480 + "pm_live_" + "a" * 38, "curl", ("/v1/" + "x" * 480 + "[redacted]", "curl")),
        (
            "/v1/customers/Basic Consulting",
            "Basic Consulting/2.0",
            ("/v1/customers/Basic Consulting", "Basic Consulting/2.0"),
        ),
    ],
)
def test_credential_in_a_path_or_user_agent_is_not_stored(
    world: World, path: str, agent: str, kept: Any
) -> None:
    entry = finished(world)
    entry["request"].path_info = entry["request"].path = path
    entry["request"].META["HTTP_USER_AGENT"] = agent
    buffer.record(entry)
    drain()
    with tenant_context(world.tenant()):
        row = RequestLog.objects.get(id=ids.decode("req", entry["request"].request_id))
    assert (row.path, row.user_agent) == kept


def test_request_without_a_company_is_for_staff_only(world: World) -> None:
    entry = finished(None, refused_by="invalid_credentials")
    buffer.record(entry)
    drain()
    with system_context(reason="test"):
        row = UnownedRequest.objects.get(id=ids.decode("req", entry["request"].request_id))
    assert row.refused_by == "invalid_credentials"


def test_requests_over_the_failure_limit_are_only_counted() -> None:
    with system_context(reason="test"):
        before = sum(c.requests for c in UnownedCount.objects.filter(refused_by="too_many_failures"))
    batch = [make_row(None, refused_by="too_many_failures", status=429) for _ in range(3)]
    assert store(batch) == 3
    with system_context(reason="test"):
        after = sum(c.requests for c in UnownedCount.objects.filter(refused_by="too_many_failures"))
        assert not UnownedRequest.objects.filter(id=uuid.UUID(batch[0][rows.ID])).exists()
    assert after - before == 3


def test_redelivered_batch_changes_nothing(world: World) -> None:
    # given
    batch = [make_row(world.company.id, duration_us=1000 * n) for n in range(1, 21)]
    assert store(batch) == 20
    # when: the same again, and an overlapping one
    assert store(batch) == 0
    assert store([*batch[10:], make_row(world.company.id)]) == 1
    # then
    with tenant_context(world.tenant()):
        assert RequestLog.objects.count() == 21
        assert sum(cell.requests for cell in RequestRollup.objects.all()) == 21
        assert sum(seal.rows for seal in Seal.objects.all()) == 21
        head = SealHead.objects.get(stream="requests")
    assert (head.rows, head.seals) == (21, 2)


def test_duplicate_in_one_batch_becomes_one_row(world: World) -> None:
    row = make_row(world.company.id)
    assert store([row, list(row)]) == 1


def test_rollups_match_the_rows(world: World) -> None:
    store(
        [
            make_row(world.company.id, status=200, duration_us=400, response_bytes=10),
            make_row(world.company.id, status=404, duration_us=600, response_bytes=20),
            make_row(world.company.id, status=500, duration_us=90_000_000, response_bytes=30),
            make_row(world.company.id, status=403, refused_by="ip_not_allowed", trace=[], duration_us=500),
        ]
    )
    with tenant_context(world.tenant()):
        cell = RequestRollup.objects.get()
    assert (cell.requests, cell.client_errors, cell.server_errors, cell.refused) == (4, 2, 1, 1)
    assert cell.duration_us == 90_001_500
    assert cell.response_bytes == 572
    assert (cell.latency[0], cell.latency[1], cell.latency[-1]) == (2, 1, 1)
    assert sum(cell.latency) == 4


@given(st.integers(min_value=0, max_value=2**31 - 1))
def test_durations_fall_within_the_bounds_of_their_bucket(duration_us: int) -> None:
    bucket = LATENCY.bucket_of(duration_us / 1000)
    if bucket > 0:
        assert duration_us > LATENCY.bounds[bucket - 1] * 1000
    if bucket < len(LATENCY.bounds):
        assert duration_us <= LATENCY.bounds[bucket] * 1000


def test_bad_row_does_not_block_the_others(world: World) -> None:
    good = [make_row(world.company.id) for _ in range(6)]
    bad = make_row(world.company.id, method="x" * 9)
    stream.REQUESTS.add(batches.pack([canonical(row) for row in [*good[:3], bad, *good[3:]]]))
    Writer("test").drain(seconds=30)
    with tenant_context(world.tenant()):
        stored = set(RequestLog.objects.values_list("id", flat=True))
    assert stored == {uuid.UUID(row[rows.ID]) for row in good}
    assert stream.REQUESTS.waiting() == 0


def test_unfinished_batch_is_written_by_its_own_writer_later(world: World) -> None:
    row = make_row(world.company.id)
    stream.REQUESTS.ensure_group()
    stream.REQUESTS.add(batches.pack([canonical(row)]))
    assert len(stream.REQUESTS.read_new("crashed", 10)) == 1
    assert Writer("other").drain(seconds=5) == 0
    assert Writer("crashed").drain(seconds=5) == 1
    assert stream.REQUESTS.waiting() == 0


def test_batch_of_a_dead_writer_is_taken_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "TAKE_OVER_AFTER_MS", 0)
    stream.REQUESTS.ensure_group()
    stream.REQUESTS.add(batches.pack([canonical(make_row(world.company.id))]))
    stream.REQUESTS.read_new("dead", 10)
    assert Writer("other").drain(seconds=5) == 1


def test_buffer_holds_requests_when_the_stream_is_full_and_counts_drops(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a stream that is full, and room for one small batch
    monkeypatch.setattr(stream.REQUESTS, "max_bytes", 0)
    own = Buffer()
    own._loop.wake = lambda: None  # type: ignore[method-assign]
    dropped = buffer.DROPPED._value.get()
    entries = [finished(world) for _ in range(3)]
    monkeypatch.setattr(buffer, "BUFFER", own)
    buffer.record(entries[0])
    assert own.flush() is False
    monkeypatch.setattr(own, "_max_waiting_bytes", own._waiting_bytes)
    for entry in entries[1:]:
        buffer.record(entry)
    # when
    assert own.flush() is False
    # then
    assert own.waiting() == 1
    assert buffer.DROPPED._value.get() - dropped == 2
    monkeypatch.undo()
    assert own.flush() is True
    Writer("test").drain(seconds=5)
    with tenant_context(world.tenant()):
        assert [row.public_id for row in RequestLog.objects.all()] == [entries[0]["request"].request_id]


@pytest.mark.parametrize(
    ("pattern", "template"),
    [
        ("v1/whoami", "/v1/whoami"),
        ("v1/customers/<str:id>", "/v1/customers/{id}"),
        ("v1/<path:unknown>", "(unknown)"),
    ],
)
def test_routes_are_stored_in_documented_form(pattern: str, template: str) -> None:
    assert rows.logged_route(pattern) == template


@given(st.uuids())
def test_fast_decoder_agrees_with_the_strict_one(value: uuid.UUID) -> None:
    assert rows.request_hex(ids.encode("req", value)) == value.hex


def test_entries_are_sealed_once_and_their_heads_signed_and_exported(world: World) -> None:
    # given the entry of the company's creation
    seal_all()
    # when
    with tenant_context(world.tenant()):
        publish(CompanyUpdated(object_id=world.company.public_id), actor=Principal.system("test"))
    seal_all()
    seal_waiting()
    sign_heads()
    # then
    with tenant_context(world.tenant()):
        head = SealHead.objects.get(stream="entries")
        assert (head.seals, head.rows, head.signed_seals) == (2, 2, 2)
    assert is_signed(statement_of(head), head.signature)
    assert exported_heads()[chain_of(head)]["digest"] == bytes(head.digest).hex()


def test_rollup_arriving_during_a_usage_query_causes_no_error(world: World) -> None:
    """Sums and latencies are of one moment, whatever is written in between."""
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    store([make_row(world.company.id)])
    statements = []

    def write_before_each_later(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "audit_requestrollup" in sql and not sql.startswith("INSERT"):
            statements.append(sql)
            if len(statements) > 1:
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(_store_elsewhere, world, hour).result(timeout=60)
        return execute(sql, params, many, context)

    since, until = hour - timedelta(hours=2), hour + timedelta(hours=3)
    with tenant_context(world.tenant()), connection.execute_wrapper(write_before_each_later):
        for usages in (
            usage_over_time(since=since, until=until, step=timedelta(hours=1)),
            usage_by("key", since=since, until=until),
            usage_by("route", since=since, until=until),
        ):
            for usage in usages:
                assert sum(usage.latency) == usage.requests


def _store_elsewhere(world: World, hour: datetime) -> None:
    """Write a request of the next hour, with another key and route, on a connection of this thread's own."""
    try:
        moment = int((hour + timedelta(hours=1)).timestamp() * 1000)
        store(
            [
                make_row(
                    world.company.id,
                    id=f"{moment:012x}7{secrets.token_hex(2)[:3]}8{secrets.token_hex(8)[:15]}",
                    key=secrets.token_hex(16),
                    route="/v1/invoices",
                )
            ]
        )
    finally:
        connection.close()


def test_requests_survive_the_task_running_out_of_time(world: World) -> None:
    Writer("test").drain(seconds=30)
    row = make_row(world.company.id)
    assert stream.REQUESTS.add(batches.pack([canonical(row)]))

    def end(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "INSERT INTO audit_requestlog " in sql:
            raise SoftTimeLimitExceeded
        return execute(sql, params, many, context)

    with connection.execute_wrapper(end), pytest.raises(SoftTimeLimitExceeded):
        Writer("test").drain(seconds=30)
    assert Writer("test").drain(seconds=30) == 1


def test_sealed_batch_without_rows_blocks_no_other(world: World) -> None:
    assert stream.REQUESTS.add(sealed.seal(batches.SCHEMA, b"7"))
    assert stream.REQUESTS.add(batches.pack([canonical(make_row(world.company.id))]))
    assert Writer("test").drain(seconds=30) == 1
    assert stream.REQUESTS.waiting() == 0
