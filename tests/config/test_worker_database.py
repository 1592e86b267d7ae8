"""A Celery worker keeps its database connections between tasks."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from celery import current_app

from tests.engines import ROOT, superuser_url
from tests.waiting import wait_until

NAME = "worker-under-test"
QUEUE = "worker-under-test"


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A worker with one process and a queue of its own, whose connections bear a name."""
    command = [
        "-A",
        "config.celery",
        "worker",
        "--queues",
        QUEUE,
        "--concurrency",
        "1",
        "--loglevel",
        "WARNING",
    ]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "celery",
            *command,
            "--without-mingle",
            "--without-gossip",
            "--without-heartbeat",
        ],
        cwd=ROOT,
        env=os.environ | {"PGAPPNAME": NAME},
    )
    yield process
    process.terminate()
    process.wait(timeout=60)


def run_task(superuser: psycopg.Connection) -> dict[int, str]:
    """Run one task that reads the database; return when each of the worker's connections last did, by its process."""
    asked = superuser.execute("SELECT clock_timestamp()").fetchone()
    current_app.send_task("core.prune_idempotency_keys", queue=QUEUE)

    def kept_since() -> dict[int, str]:
        idle = superuser.execute(
            "SELECT pid, state_change FROM pg_stat_activity WHERE application_name = %s AND state = 'idle'",
            [NAME],
        ).fetchall()
        return dict(idle) if any(when > asked[0] for _, when in idle) else {}

    return wait_until(kept_since, "no connection of the worker's was used and kept")


def test_database_connection_outlives_the_task(worker: subprocess.Popen[bytes]) -> None:
    # given a worker that has started, which reads the database too, on a connection it does not keep
    with psycopg.connect(superuser_url(), autocommit=True) as superuser:
        seen = [set(run_task(superuser)) for _ in range(8)]
    # when it has run some tasks, then those after them all use one connection
    assert set.intersection(*seen[4:]), seen
