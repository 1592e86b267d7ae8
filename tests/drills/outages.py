"""The drills. Each takes one part away for `seconds`, under the callers' traffic, and gives it back."""

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
    """A stage whose broker is a server of its own, so that it can be taken away alone."""

    def __init__(self, broker: Valkey, data_dir: Path | None = None) -> None:
        super().__init__(data_dir)
        self.broker = broker

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the platform is started with."""
        return super().environment | {"CELERY_BROKER_URL": self.broker.broker_url, "WEB_THREADS": "4"}


@dataclass(frozen=True)
class Outcome:
    """What callers saw while a part was away, and how long after its return the first write was accepted."""

    name: str
    seconds: float
    phase: str
    recovery: float


def run_outage(
    name: str, seconds: float, stage: DrillStage, callers: Callers, away: Callable[[float], Any]
) -> Outcome:
    """Let `away` take something away for so long (it returns when it is back), with calm before and after."""
    time.sleep(5)
    callers.phase = name
    away(seconds)
    back = time.monotonic()
    recovery = callers.wait_for_write(since=back)
    callers.phase = f"after {name}"
    time.sleep(5)
    return Outcome(name, seconds, name, recovery)


def postgres_away(stage: DrillStage, seconds: float) -> None:
    """PostgreSQL is stopped, as by a fast shutdown: every connection is cut, and none is to be had."""
    with stage.guard:  # or the stage would start it again
        stage.engines.postgres.stop()
        time.sleep(seconds)
        stage.engines.postgres.restart()


def valkey_away(stage: DrillStage, seconds: float) -> None:
    """The Valkey of limits, grants and the request log is stopped."""
    with stage.guard:
        stage.engines.valkey.stop()
        time.sleep(seconds)
        stage.engines.valkey.restart()


def broker_away(stage: DrillStage, seconds: float) -> None:
    """The broker of hints is stopped."""
    stage.broker.stop()
    time.sleep(seconds)
    stage.broker.restart()


def table_locked(stage: DrillStage, seconds: float) -> None:
    """Somebody locks the table that every write needs, as a careless ALTER TABLE does."""
    database = psycopg.conninfo.conninfo_to_dict(stage.engines.database_url("owner"))["dbname"]
    with psycopg.connect(stage.engines.superuser_url, dbname=database) as connection:
        connection.execute("LOCK TABLE billing_customer IN ACCESS EXCLUSIVE MODE")
        time.sleep(seconds)


def disk_full(stage: DrillStage, seconds: float) -> None:
    """Something fills the disk of PostgreSQL and Valkey to the last byte, then goes away again."""
    ballast = stage.data_dir / "ballast"
    ended = time.monotonic() + seconds
    with ballast.open("wb", buffering=0) as file:
        while time.monotonic() < ended:  # what is freed meanwhile is filled too
            for size in (1_048_576, 4_096):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * size):
                        continue
            time.sleep(0.5)
    ballast.unlink()


@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    """A file system of DISK_MEGABYTES. Raises PermissionError where none may be mounted."""
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
