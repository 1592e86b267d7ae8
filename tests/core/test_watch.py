"""What waits is told, by whom and for how long, wherever somebody looks."""

import json
import os
import subprocess
import sys

import psycopg
from django.test import Client

from core import watch
from core.models import OutboxEvent
from core.tenancy import system_context, tenant_context
from tests.engines import private_platform, superuser_url
from tests.factories import make_customer


def readings():
    return {reading.name: reading for reading in watch.read_all()}


def test_a_long_transaction_is_named_by_process_and_database_and_told_on_metrics(monkeypatch):
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


def test_a_young_transaction_is_nobodys_worry():
    with psycopg.connect(superuser_url("postgres"), application_name="young") as foreign:
        foreign.execute("SELECT 1")
        assert not [each for each in watch.read_transactions() if each.labels["name"] == "young"]


def test_the_oldest_event_and_entry_tell_their_age(world):
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
from core import watch
watch.LONG_SECONDS = 0.0
print(json.dumps([{**each.labels, "late": each.is_late, "text": each.text} for each in watch.read_transactions()]))
"""


def test_a_prepared_transaction_that_nobody_ended_is_named_with_its_database():
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
