"""Monitoring of waiting work: what waits, for whom and for how long."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.test import Client, override_settings
from prometheus_client import REGISTRY
from psycopg_pool import ConnectionPool, PoolTimeout

from accounts.models import Company
from audit.ingest import stream
from audit.partitions import figures
from core import clock
from core.background import set_aside, watch
from core.models import OutboxEvent
from core.postgres import pool_metrics
from core.tenancy import system_context, tenant_context
from core.valkey import commands
from core.values import ids
from messaging.models import Message
from tests.engines import private_platform, private_valkey, superuser_url
from tests.factories import World, make_customer
from tests.messaging.samples import make_message


def readings() -> Any:
    return {reading.name: reading for reading in watch.read_all()}


def test_long_transaction_is_reported_with_process_and_database_and_in_metrics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "LONG_SECONDS", 0.0)
    with psycopg.connect(superuser_url("postgres"), application_name="forgotten") as foreign:
        foreign.execute("SELECT 1")
        found = [each for each in watch.read_transactions() if each.labels["name"] == "forgotten"]
        page = Client().get("/metrics").content.decode()
        pid = foreign.info.backend_pid

    [reading] = found
    assert reading.labels == {
        "kind": "open",
        "pid": str(pid),
        "name": "forgotten",
        "database": "postgres",
    }
    assert reading.is_late
    assert (
        f'pomelo_long_transaction_seconds{{database="postgres",kind="open",name="forgotten",pid="{pid}"}}'
        in page
    )
    assert 'pomelo_waiting_seconds{what="unrelayed_event"}' in page
    assert "pomelo_watches_readable 1.0" in page


def test_recent_transaction_raises_no_warning() -> None:
    with psycopg.connect(superuser_url("postgres"), application_name="young") as foreign:
        foreign.execute("SELECT 1")
        assert not [each for each in watch.read_transactions() if each.labels["name"] == "young"]


def test_age_of_the_oldest_event_and_entry_is_reported(world: World) -> None:
    make_customer(world.tenant())
    with tenant_context(world.tenant()):
        OutboxEvent.objects.filter(relayed_at=None).update(created="2020-01-01T00:00:00Z")
    try:
        found = readings()
    finally:
        with system_context(reason="tests"):
            OutboxEvent.objects.filter(created__lt="2021-01-01T00:00:00Z").update(
                created="2026-11-01T00:00:00Z"
            )

    assert found["unrelayed_event"].is_late
    assert found["unsealed_entry"].seconds >= 0


READ = """
import django, json
django.setup()
from core.background import watch
watch.LONG_SECONDS = 0.0
print(json.dumps([{**each.labels, "late": each.is_late, "text": each.text} for each in watch.read_transactions()]))
"""


def test_forgotten_prepared_transaction_is_reported_with_its_database() -> None:
    with private_platform() as (engines, environment):
        with psycopg.connect(engines.superuser_url, autocommit=True) as admin:
            admin.execute(
                "ALTER SYSTEM SET max_prepared_transactions = 2"
            )  # the default is 0: there can be none
        engines.postgres.restart()
        with psycopg.connect(engines.superuser_url) as foreign:
            foreign.execute("CREATE TABLE elsewhere (id int)")
            foreign.execute("PREPARE TRANSACTION 'forgotten'")

        read = subprocess.run(
            [sys.executable, "-c", READ],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )

    [found] = [each for each in json.loads(read.stdout) if each["kind"] == "prepared"]
    assert (found["name"], found["database"], found["late"]) == ("forgotten", "postgres", True)
    assert found["text"].startswith("A transaction is prepared: “forgotten” of postgres in database postgres")


def test_partitions_and_rows_set_aside_are_in_metrics() -> None:
    set_aside.record_failure("tests.figures", "one", "it is broken")
    set_aside.record_failure("tests.figures", "two", "it is broken")
    page = Client().get("/metrics").content.decode()
    set_aside.clear_failure("tests.figures", "one")
    later = Client().get("/metrics").content.decode()
    set_aside.clear_failure("tests.figures", "two")

    assert 'pomelo_set_aside_rows{batch="tests.figures"} 2.0' in page
    assert 'pomelo_set_aside_rows{batch="tests.figures"} 1.0' in later
    assert "pomelo_audit_partitions_ahead 30.0" in page
    [newest] = re.findall(r'pomelo_audit_partition_newest_seconds{table="audit_seal"} (\S+)', page)
    assert datetime.fromtimestamp(float(newest), UTC).date() == clock.now().date() + timedelta(days=30)


def test_unreadable_metric_hides_no_other_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Iterator[Any]:
        raise ValueError("Somebody else writes there.")
        yield

    monkeypatch.setitem(watch.WATCHES, "broken", fail)
    monkeypatch.setitem(watch.FIGURES, "broken", fail)
    page = Client().get("/metrics").content.decode()
    [told] = [reading for reading in watch.read_all() if reading.name == "unreadable_broken"]

    assert told.is_late
    assert 'pomelo_waiting_late{what="unreadable_broken"} 1.0' in page
    assert 'pomelo_waiting_seconds{what="unrelayed_event"}' in page
    assert "pomelo_audit_partitions_ahead 30.0" in page
    assert "pomelo_watches_readable 0.0" in page
    after = REGISTRY.get_sample_value("pomelo_watch_failures_total", {"what": "broken"})
    assert after is not None
    assert after >= 2


def test_partitions_are_queried_once_for_all_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = []
    real = figures.list_partitions
    monkeypatch.setattr(figures, "list_partitions", lambda **using: listed.append(1) or real(**using))
    page = Client().get("/metrics").content.decode()

    assert "pomelo_audit_partition_oldest_seconds" in page
    assert "pomelo_audit_partitions_ahead 30.0" in page
    assert listed == [1]


def test_age_of_the_oldest_due_message_ignores_suspended_companies(
    world: World,
) -> None:
    queued = ids.decode("msg", make_message(world.tenant()))
    with tenant_context(world.tenant()):
        Message.objects.filter(id=queued).update(due_at="2020-01-01T00:00:00Z")
    found = readings()["due_message"]
    with system_context(reason="tests"):
        Company.objects.filter(id=world.company.id).update(suspended_at="2020-01-02T00:00:00Z")
    suspended = readings()["due_message"]
    with system_context(reason="tests"):
        Company.objects.filter(id=world.company.id).update(suspended_at=None)
        Message.objects.filter(id=queued).update(due_at=clock.now())

    assert found.is_late
    assert found.seconds > 5 * 365 * 24 * 3600
    assert not suspended.is_late


def test_age_of_the_oldest_request_in_the_stream_is_reported() -> None:
    with private_valkey() as own, override_settings(VALKEY_URL=own.url):
        empty = readings()["unwritten_request"]
        commands.call("XADD", stream.REQUESTS.name, "1577836800000-0", "rows", b"x")
        found = readings()["unwritten_request"]

    assert (empty.seconds, empty.is_late) == (0.0, False)
    assert found.is_late


def test_the_pool_metrics_count_waits_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def sample(name: Any, **labels: Any) -> Any:
        return REGISTRY.get_sample_value(f"pomelo_database_pool_{name}", labels) or 0.0

    before = {name: sample(name) for name in ("waits_total", "timeouts_total", "wait_seconds_total")}
    with ConnectionPool(superuser_url("postgres"), min_size=1, max_size=1, timeout=0.1, open=True) as pool:
        with pool.connection(timeout=10), pytest.raises(PoolTimeout), pool.connection():
            pass
        monkeypatch.setattr(pool_metrics, "_due", 0.0)
        pool_metrics.note(pool)
        after = {name: sample(name) for name in before}
        pool_metrics.note(pool)  # too soon to be counted again

    assert after["timeouts_total"] == before["timeouts_total"] + 1
    assert after["waits_total"] >= before["waits_total"] + 1
    assert after["wait_seconds_total"] >= before["wait_seconds_total"]
    assert sample("connections", state="idle") + sample("connections", state="in_use") == 1
