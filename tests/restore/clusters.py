"""Backs up a platform and restores it in another cluster, with PostgreSQL's own programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import psycopg

from core.engines.pair import Engines
from core.engines.programs import postgres_program
from tests.engines import TEMPLATE
from tests.waiting import wait_until

# More than a new cluster has used by the time a database is restored into it.
AGED_BY = 20_000


def run_program(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; raises AssertionError with what it said when it fails."""
    made = subprocess.run(
        [str(postgres_program(name)), *arguments],
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


def begin_archiving(engines: Engines, archive: Path) -> None:
    """Let the cluster copy each finished WAL file to `archive`, as `pg_basebackup` and recovery need it."""
    _hand_over(archive, engines)
    with (engines.postgres.folder / "pg_hba.conf").open("a") as file:
        file.write("local replication all scram-sha-256\n")
    with psycopg.connect(engines.superuser_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET archive_mode = on")
        connection.execute(f"ALTER SYSTEM SET archive_command = 'cp %p {archive}/%f'")
    engines.postgres.stop()
    engines.postgres.restart()


def base_backup(engines: Engines, folder: Path) -> None:
    """Copy the running cluster."""
    run_program(
        "pg_basebackup", f"--dbname={engines.superuser_url}", f"--pgdata={folder}", "--checkpoint=fast",
        "--wal-method=none", "--no-sync",
    )  # fmt: skip


def finish_wal(engines: Engines, archive: Path) -> None:
    """Let what has happened so far reach the archive."""
    with psycopg.connect(engines.superuser_url, autocommit=True) as connection:
        [name] = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone() or ("",)
        wait_until((archive / name).exists, f"{name} was not archived", seconds=90)


def now_of(engines: Engines) -> str:
    """Return the moment to recover to, by the cluster's own clock."""
    with psycopg.connect(engines.superuser_url) as connection:
        [moment] = connection.execute("SELECT clock_timestamp()::text").fetchone() or ("",)
    return str(moment)


def recover(backup: Path, archive: Path, moment: str, source: Engines, data_dir: Path) -> Engines:
    """Return the engines of `data_dir` that recover a base backup of `source` up to `moment`; they are not started yet."""
    data_dir.mkdir(mode=0o700)
    for name in ("secrets.env", "admin.env"):
        if (source.data_dir / name).exists():
            shutil.copy2(source.data_dir / name, data_dir / name)
    backup.rename(data_dir / "postgres")
    folder = data_dir / "postgres"
    (folder / "recovery.signal").touch()
    with (folder / "postgresql.auto.conf").open("a") as file:
        file.write(
            f"restore_command = 'cp {archive}/%f %p'\nrecovery_target_time = '{moment}'\n"
            "recovery_target_action = 'promote'\nhot_standby = off\narchive_mode = off\n"
        )
    return Engines(data_dir, durable=False)


def _hand_over(folder: Path, engines: Engines) -> None:
    found = engines.postgres.folder.stat()
    os.chown(folder, found.st_uid, found.st_gid)
