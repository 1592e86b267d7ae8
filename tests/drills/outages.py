"""The drills. Each takes one dependency away for `seconds` under traffic, then restores it."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from core.engines.valkey import Valkey
from tests.chaos.stage import Stage
from tests.drills.callers import Callers

DISK_MEGABYTES = 1_000


class DrillStage(Stage):
    """A stage with a separate broker, so that it can be stopped alone."""

    def __init__(self, broker: Valkey, data_dir: Path | None = None) -> None:
        super().__init__(data_dir)
        self.broker = broker

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process of the platform."""
        return super().environment | {"CELERY_BROKER_URL": self.broker.broker_url, "WEB_THREADS": "4"}


@dataclass(frozen=True)
class Outcome:
    """What callers saw during an outage, and how long after its end the first write was accepted."""

    name: str
    seconds: float
    phase: str
    recovery: float


def run_outage(
    name: str, seconds: float, stage: DrillStage, callers: Callers, away: Callable[[float], Any]
) -> Outcome:
    """Run the outage `away`, which returns once it is over, with a calm period before and after."""
    time.sleep(5)
    callers.phase = name
    away(seconds)
    back = time.monotonic()
    recovery = callers.wait_for_write(since=back)
    callers.phase = f"after {name}"
    time.sleep(5)
    return Outcome(name, seconds, name, recovery)


def postgres_away(stage: DrillStage, seconds: float) -> None:
    """Stop PostgreSQL as in a fast shutdown: all connections are closed and new ones are refused."""
    with stage.guard:  # otherwise the stage would restart it
        stage.engines.postgres.stop()
        time.sleep(seconds)
        stage.engines.postgres.restart()


def valkey_away(stage: DrillStage, seconds: float) -> None:
    """Stop the Valkey of limits, grants and the request log."""
    with stage.guard:
        stage.engines.valkey.stop()
        time.sleep(seconds)
        stage.engines.valkey.restart()


def broker_away(stage: DrillStage, seconds: float) -> None:
    """Stop the Celery broker."""
    stage.broker.stop()
    time.sleep(seconds)
    stage.broker.restart()


def table_locked(stage: DrillStage, seconds: float) -> None:
    """Lock the table that every write needs, like a careless ALTER TABLE."""
    database = psycopg.conninfo.conninfo_to_dict(stage.engines.database_url("owner"))["dbname"]
    with psycopg.connect(stage.engines.superuser_url, dbname=database) as connection:
        connection.execute("LOCK TABLE billing_customer IN ACCESS EXCLUSIVE MODE")
        time.sleep(seconds)


def disk_full(stage: DrillStage, seconds: float) -> None:
    """Fill the disk of PostgreSQL and Valkey completely, then free it again."""
    ballast = stage.data_dir / "ballast"
    ended = time.monotonic() + seconds
    with ballast.open("wb", buffering=0) as file:
        while time.monotonic() < ended:  # refill space that is freed meanwhile
            for size in (1_048_576, 4_096):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * size):
                        continue
            time.sleep(0.5)
    ballast.unlink()


@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    """Mount a file system of DISK_MEGABYTES. Raises PermissionError if mounting is not permitted."""
    with tempfile.TemporaryDirectory(prefix="pomelo-test-disk-") as name:
        options = f"size={DISK_MEGABYTES}m,mode=0755"
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", name],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode != 0:
            raise PermissionError(mounted.stderr.strip())
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=False)
