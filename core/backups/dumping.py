"""Creates a backup: a folder with PostgreSQL's dump and a manifest of its contents."""

import datetime as dt
import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from core import clock
from core.backups.inventory import Inventory, list_tables, take_inventory
from core.backups.programs import BackupError, find_program, owner_parameters, run_program

DUMP, MANIFEST = "pomelo.dump", "manifest.json"
FORMAT = 1
_DUMPED = re.compile(r"pg_dump: dumping contents of table ")
# An ALTER TABLE must not queue the platform's queries behind the dump's locks.
_LOCK_WAIT = "--lock-wait-timeout=60000"

Progress = Callable[[str, int, int], None]  # step, items done, items in total


def back_up(into: Path, *, on_progress: Progress) -> Path:
    """Dump the database, including privileges, to a new folder in `into`, and return that folder.

    Dump and manifest share one snapshot, and the platform keeps serving. An interrupted run leaves a folder whose name ends in
    `.partial`. Raises BackupError, psycopg.Error and OSError.
    """
    moment = clock.now()
    folder = into / f"pomelo-{moment:%Y%m%dT%H%M%SZ}"
    partial = folder.with_suffix(".partial")
    if folder.exists() or partial.exists():
        raise BackupError(f"{folder} already exists.")
    before = os.umask(0o077)
    try:
        partial.mkdir(parents=True)
    finally:
        os.umask(before)
    parameters = owner_parameters()
    with psycopg.connect(**parameters) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        [snapshot] = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        total = len(list_tables(connection))
        server = connection.info.server_version // 10_000
        dump = partial / DUMP
        command = [
            str(find_program("pg_dump", server)),
            "--format=custom",
            _LOCK_WAIT,
            f"--snapshot={snapshot}",
        ]
        run_program(
            [*command, f"--file={dump}"],
            parameters=parameters,
            step=_DUMPED,
            on_step=counter("Dumping tables", total, on_progress),
        )
        inventory = take_inventory(connection, on_table=counter("Counting rows", total, on_progress))
    dump.chmod(0o600)
    _write_manifest(partial, inventory, moment=moment, server=server)
    partial.rename(folder)
    return folder


def read_backup(folder: Path) -> tuple[Path, dict[str, Any], Inventory]:
    """Return a backup's dump, manifest and inventory. Raises BackupError if it is incomplete or corrupt."""
    dump, manifest = folder / DUMP, folder / MANIFEST
    if not (dump.is_file() and manifest.is_file()):
        raise BackupError(f"{folder} is not a backup: it needs {DUMP} and {MANIFEST}.")
    try:
        recorded = json.loads(manifest.read_bytes())
        inventory = Inventory(**recorded["inventory"])
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{manifest} cannot be read: {error!r}.") from error
    if recorded["format"] != FORMAT:
        raise BackupError(f"{manifest} has format {recorded['format']}, but this release reads {FORMAT}.")
    if recorded["sha256"] != _digest(dump):
        raise BackupError(f"{dump} has changed since the backup: its SHA-256 differs from the manifest's.")
    return dump, recorded, inventory


def counter(what: str, total: int, on_progress: Progress) -> Callable[[], None]:
    """Return a function that reports one more item to `on_progress` at each call."""
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        on_progress(what, done, max(done, total))

    return count


def _write_manifest(folder: Path, inventory: Inventory, *, moment: dt.datetime, server: int) -> None:
    content = {
        "format": FORMAT,
        "made": moment.isoformat(),
        "postgresql": server,
        "sha256": _digest(folder / DUMP),
        "inventory": inventory.as_json(),
    }
    path = folder / MANIFEST
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=1) + "\n")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
