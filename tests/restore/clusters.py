"""Backing a platform up and bringing it back in another cluster, with PostgreSQL's own programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import psycopg

from core.engines.pair import Engines
from core.engines.postgres import binary
from core.engines.roles import ensure_database
from tests.engines import TEMPLATE

# More than a new cluster has used by the time a database is restored into it.
AGED_BY = 20_000


def run_program(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; raises AssertionError with what it said when it fails."""
    made = subprocess.run(
        [str(binary(name)), *arguments],
        env={"PATH": os.defpath, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, f"{name}: {made.stderr[-2000:]}"


def transactions_used(engines: Engines) -> int:
    """Return how many transactions the cluster has counted."""
    with psycopg.connect(engines.superuser_url) as connection:
        [count] = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone() or (0,)
    return int(count)


def age(engines: Engines) -> None:
    """Let the cluster count transactions, as one does that has been in use for a while."""
    with psycopg.connect(engines.superuser_url, autocommit=True) as connection:
        connection.execute(
            f"DO $$ BEGIN FOR i IN 1..{AGED_BY} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
        )


def environment_of(engines: Engines, secrets_of: Engines) -> dict[str, str]:
    """Return what points a process at the platform of `engines`; the audit heads and keys are those of `secrets_of`."""
    return engines.environment | {
        "DATA_DIR": str(secrets_of.data_dir),
        "DATABASE_URL": engines.database_url("app", TEMPLATE),
        "DATABASE_OWNER_URL": engines.database_url("owner", TEMPLATE),
    }


def dump(engines: Engines, file: Path) -> None:
    """Back the database up as docs/runbooks/backup-and-restore.md says."""
    url = engines.database_url("owner", TEMPLATE)
    run_program("pg_dump", "--format=custom", "--no-privileges", f"--file={file}", url)


def restore(file: Path, engines: Engines) -> None:
    """Bring a dump back in a new cluster, as the runbook says."""
    ensure_database(superuser_url=engines.superuser_url, name=TEMPLATE)
    url = engines.database_url("owner", TEMPLATE)
    run_program("pg_restore", "--no-owner", "--role=owner", f"--dbname={url}", str(file))


def begin_archiving(engines: Engines, archive: Path) -> None:
    """Let the cluster copy each finished WAL file to `archive`."""
    shutil.chown(archive, *_owner(engines))
    with psycopg.connect(engines.superuser_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET archive_mode = on")
        connection.execute(f"ALTER SYSTEM SET archive_command = 'cp %p {archive}/%f'")
    engines.postgres.stop()
    engines.postgres.restart()


def _owner(engines: Engines) -> tuple[int, int]:
    found = engines.postgres.folder.stat()
    return found.st_uid, found.st_gid
