"""Kills and outages lose no logged requests, except the last 200 ms of a web process killed by SIGKILL, or what Valkey then had not written."""

import contextlib
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from django.core.management import call_command
from django.test import override_settings

from audit.ingest import batches, buffer, rows, spill, stream
from audit.ingest.buffer import Buffer
from audit.ingest.store import store
from audit.ingest.writer import TAKE, Writer
from audit.models import RequestLog, RequestRollup, Seal
from audit.partitions import tables
from audit.retention import prune
from audit.signing import canonical
from core import clock
from core.tenancy import tenant_context
from core.values import ids
from tests.attacks.wire import connect, head
from tests.audit.rows import make_row
from tests.audit.test_ingest import finished
from tests.engines import TEMPLATE, private_platform, private_valkey
from tests.factories import World, make_world
from tests.forked import Connection, Forked
from tests.live import ROOT, WebProcess, web_process
from tests.waiting import wait_until

LOST_AT_MOST_SECONDS = 0.2


def stored_ids(world: World) -> set[str]:
    with tenant_context(world.tenant()):
        return {row_id.hex for row_id in RequestLog.objects.values_list("id", flat=True)}


def stored(world: World) -> int:
    with tenant_context(world.tenant()):
        return RequestLog.objects.count()


def rolled_up(world: World) -> int:
    with tenant_context(world.tenant()):
        return sum(cell.requests for cell in RequestRollup.objects.all())


def sealed(world: World) -> int:
    with tenant_context(world.tenant()):
        return sum(seal.rows for seal in Seal.objects.filter(stream="requests"))


def request_hex(answer: Any) -> str:
    return ids.decode("req", answer.headers["x-request-id"]).hex


@pytest.mark.chaos
def test_terminated_web_process_loses_no_requests_with_valkey_up_or_down(
    issue_key: Callable[..., Any],
    settings: Any,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """What it cannot send lies in DATA_DIR until the next start, which takes it in once."""
    world = make_world(tier="enterprise")
    secret = issue_key(world.company, scopes=["customers:read"], rate_limit=1000).client_secret
    with private_valkey(durable=True) as valkey:
        # By default, what it has confirmed in its last second or two may not be in its file: a slow disk lets it wait.
        with redis.Redis.from_url(valkey.url) as client:
            client.config_set("appendfsync", "always")
        settings.VALKEY_URL, settings.DATA_DIR = valkey.url, tmp_path
        web = WebProcess(
            environment={
                "VALKEY_URL": valkey.url,
                "CELERY_BROKER_URL": valkey.broker_url,
                "DATA_DIR": str(tmp_path),
            },
            is_forked=True,
        )

        def ask(times: int) -> set[str]:
            return {request_hex(web.request("GET", "/v1/whoami", secret=secret)) for _ in range(times)}

        try:
            # given: requests before and during the outage
            web.start()
            answered = ask(20)
            valkey.process.kill()
            answered |= ask(100)
            # when: it is told to end, and the next one starts when Valkey is back
            web.stop()
            [kept] = spill.folder().glob("*.batches")
            copy = kept.read_bytes()
            valkey.restart()
            web.start()
            answered |= ask(1)
            wait_until(lambda: not kept.exists())
            # when: it is told to end right after its last answers, with Valkey there
            answered |= ask(100)
            web.stop()
        finally:
            web.kill()
        Writer("test").drain(seconds=60)
        # then: all are there; and a file that a crash left behind after it was sent adds nothing
        assert stored_ids(world) == answered
        kept.write_bytes(copy)
        Writer("test").drain(seconds=60)
        assert not kept.exists()
    assert stored_ids(world) == answered
    assert rolled_up(world) == sealed(world) == len(answered) == 221
    record_property("audit", f"SIGTERM while Valkey is dead: {len(answered)} answered, 0 lost, 0 twice")


@pytest.mark.chaos
def test_terminated_web_process_loses_no_requests_to_a_client_that_never_ends(
    issue_key: Callable[..., Any], settings: Any, tmp_path: Path
) -> None:
    """What Valkey has not taken is kept before granian kills a worker that has requests under way."""
    world = make_world(tier="enterprise")
    secret = issue_key(world.company, scopes=["customers:write"], rate_limit=1000).client_secret
    begun = head(
        "POST /v1/customers", "Host: localhost", f"Authorization: Bearer {secret}", "Content-Length: 100"
    )
    with private_valkey() as valkey:
        settings.VALKEY_URL, settings.DATA_DIR = valkey.url, tmp_path
        environment = {
            "VALKEY_URL": valkey.url,
            "CELERY_BROKER_URL": valkey.broker_url,
            "DATA_DIR": str(tmp_path),
            "BODY_TIMEOUT_SECONDS": "60",
        }
        with web_process(environment=environment, is_forked=True) as web, connect(web.port) as client:
            valkey.process.kill()
            answered = {request_hex(web.request("GET", "/v1/whoami", secret=secret)) for _ in range(20)}
            client.sendall(begun)
            web.request("GET", "/healthz")  # by then, the server has seen the other one as well
            web.stop()
        valkey.restart()
        Writer("test").drain(seconds=60)
    assert stored_ids(world) == answered


@pytest.mark.chaos
def test_killed_web_process_loses_at_most_its_last_moments(
    issue_key: Callable[..., Any], record_property: Callable[[str, object], None]
) -> None:
    world = make_world(tier="enterprise")
    secret = issue_key(world.company, scopes=["customers:read"]).client_secret
    answered: dict[str, float] = {}
    with web_process(is_forked=True) as web:

        def ask() -> None:
            while True:
                try:
                    answer = web.request("GET", "/v1/whoami", secret=secret)
                except OSError:
                    return
                answered[request_hex(answer)] = time.monotonic()

        threads = [threading.Thread(target=ask) for _ in range(3)]
        with stalls() as worst_stall:
            for thread in threads:
                thread.start()
            wait_until(lambda: len(answered) > 200, seconds=120)
            killed = time.monotonic()
            web.kill()
        for thread in threads:
            thread.join()
    Writer("test").drain(seconds=30)
    lost = set(answered) - stored_ids(world)
    ages = sorted(killed - answered[one] for one in lost)
    oldest = f", the oldest {ages[-1] * 1000:.0f} ms before" if ages else ""
    record_property("audit", f"SIGKILL of a web process: {len(answered)} answered, {len(lost)} lost{oldest}")
    # A row was answered at the latest when the client had read it, so the comparison errs on the strict side. What the
    # machine itself stood still for is not the log's.
    assert [age for age in ages if age > LOST_AT_MOST_SECONDS + worst_stall[0]] == []


@pytest.mark.chaos
def test_repeatedly_killed_writer_loses_and_duplicates_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    # given: three times what one transaction of the writer holds, so that a kill finds it between and inside of them
    made = [[make_row(world.company.id) for _ in range(100)] for _ in range(3 * TAKE)]
    for batch in made:
        assert stream.REQUESTS.add(batches.pack([canonical(row) for row in batch]))
    expected = {row[rows.ID] for batch in made for row in batch}
    # when: killed while it writes, until all is written
    kills = 0
    for delay in (0.0, 0.05, 0.1, 0.2, 0.4):
        writer = Forked(write)
        before = stored(world)
        wait_until(lambda: stored(world) > before or stream.REQUESTS.waiting() == 0)  # noqa: B023
        time.sleep(delay)
        writer.kill()
        kills += 1
        if stream.REQUESTS.waiting() == 0:
            break
    monkeypatch.setattr(stream, "TAKE_OVER_AFTER_MS", 0)
    Writer("last").drain(seconds=60)
    # then
    record_property("audit", f"SIGKILL of the writer: {kills} kills, {len(expected)} rows, 0 lost, 0 twice")
    assert stored_ids(world) == expected
    assert rolled_up(world) == len(expected)
    assert sealed(world) == len(expected)
    assert stream.REQUESTS.waiting() == 0


@contextlib.contextmanager
def stalls() -> Iterator[list[float]]:
    """Watch how much longer than asked a short sleep takes on this machine; yields a list with the worst so far."""
    worst, is_over = [0.0], threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            begin = time.monotonic()
            time.sleep(0.01)
            worst[0] = max(worst[0], time.monotonic() - begin - 0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield worst
    finally:
        is_over.set()
        thread.join()


@pytest.fixture
def own_buffer(monkeypatch: pytest.MonkeyPatch) -> Buffer:
    """A buffer that ships only when the test says so."""
    own = Buffer()
    own._loop.wake = lambda: None  # type: ignore[method-assign]
    monkeypatch.setattr(buffer, "BUFFER", own)
    return own


@pytest.mark.chaos
def test_requests_of_sixty_seconds_wait_for_valkey(world: World, settings: Any, own_buffer: Buffer) -> None:
    """A minute of 1,000 requests a second, during which Valkey is dead; it comes back empty."""
    with private_valkey() as valkey:
        settings.VALKEY_URL = valkey.url
        assert own_buffer.flush()
        valkey.process.kill()
        entry = finished(world)
        expected = set()
        for number in range(60_000):
            entry["request"].request_id = ids.encode("req", ids.new_id())
            expected.add(rows.request_hex(entry["request"].request_id))
            buffer.record(entry)
            if number % 1000 == 0:
                assert own_buffer.flush() is False
        assert own_buffer.waiting() == 60_000
        valkey.restart()
        wait_until(own_buffer.flush)
        Writer("test").drain(seconds=120)
        assert stored_ids(world) == expected


@pytest.mark.chaos
def test_requests_during_a_postgresql_outage_are_written_afterwards() -> None:
    with private_platform(durable=True) as (engines, environment):
        company = uuid.uuid4()
        made = [[make_row(company) for _ in range(500)] for _ in range(20)]
        writer = subprocess.Popen(
            [sys.executable, "manage.py", "write_request_log"],
            cwd=ROOT,
            env=os.environ | environment | {"DJANGO_SETTINGS_MODULE": "config.settings.test"},
        )
        try:
            with override_settings(VALKEY_URL=environment["VALKEY_URL"]):
                for number, batch in enumerate(made):
                    assert stream.REQUESTS.add(batches.pack([canonical(row) for row in batch]))
                    if number == 5:
                        engines.postgres.process.kill()
                time.sleep(1)
                engines.revive()
                engines.postgres.wait_ready()
                wait_until(lambda: stream.REQUESTS.waiting() == 0, seconds=90)
        finally:
            writer.terminate()
            writer.wait(timeout=30)
        with psycopg.connect(engines.superuser_url, dbname=TEMPLATE) as superuser:
            stored = {row_id.hex for (row_id,) in superuser.execute("SELECT id FROM audit_requestlog")}
            counted = superuser.execute("SELECT sum(requests) FROM audit_requestrollup").fetchone()
    assert stored == {row[rows.ID] for batch in made for row in batch}
    assert counted == (10_000,)


@pytest.mark.chaos
def test_partitions_are_dropped_while_requests_are_written(world: World) -> None:
    tables.ensure_partitions([clock.now().date() - timedelta(days=offset) for offset in (95, 96, 97)])
    written, failures, is_over = [0], [], threading.Event()

    def write() -> None:
        try:
            while not is_over.is_set():
                written[0] += store([make_row(world.company.id) for _ in range(50)])
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        gone = prune()
    finally:
        is_over.set()
        thread.join()
    assert failures == []
    assert len(gone) >= 3 * (len(tables.PARENTS) - 1)
    assert written[0] > 0
    assert len(stored_ids(world)) == written[0]


def write(_connection: Connection) -> None:
    """Write until killed."""
    call_command("write_request_log")
