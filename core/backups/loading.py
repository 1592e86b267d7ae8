"""Restores a backup into a database, in the order that preserves all privileges."""

import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

from core.backups.dumping import Progress, counter, read_backup
from core.backups.inventory import list_differences, list_tables, take_inventory
from core.backups.programs import OWNER, BackupError, find_program, owner_parameters, run_program
from core.engines.roles import DATABASE_SQL, apply_roles, create_database

SHOWN = 12
_LOADED = re.compile(r"pg_restore: (launching|processing) item ")
_ROLES = ("owner", "app", "system")
# Default privileges apply to everything that pg_restore creates, and its GRANTs and REVOKEs do not account for them: the audit
# trail would end up writable. database.sql sets them again.
_NO_DEFAULTS = """
    ALTER DEFAULT PRIVILEGES FOR ROLE "owner" IN SCHEMA public REVOKE ALL ON TABLES FROM "app", "system";
    ALTER DEFAULT PRIVILEGES FOR ROLE "owner" IN SCHEMA public REVOKE ALL ON SEQUENCES FROM "app", "system";
"""


def load(folder: Path, *, replace: bool, jobs: int, on_progress: Progress) -> None:
    """Restore a backup into the database of DATABASE_OWNER_URL, and compare the result with the backup.

    With DATABASE_ADMIN_URL (a superuser, or a managed service's administrator), missing roles and the database are created first.
    A database with tables is refused unless `replace` is true, and one that the platform is using is refused in any case. Raises
    BackupError and psycopg.Error.
    """
    dump, manifest, inventory = read_backup(folder)
    parameters = owner_parameters()
    if settings.DATABASE_ADMIN_URL:
        _make_roles_and_database(parameters["dbname"])
    with psycopg.connect(**parameters, autocommit=True) as connection:
        server = connection.info.server_version // 10_000
        if server < manifest["postgresql"]:
            raise BackupError(
                f"The backup is of PostgreSQL {manifest['postgresql']}; this server is {server} and cannot read backups of a later version."
            )
        _check_roles(connection)
        _check_nobody_uses_it(connection)
        is_empty = _check_room(connection, replace=replace)
        program = str(find_program("pg_restore", server))
        items = _count_items(program, dump)
        # Nothing has been changed up to here.
        if not is_empty:
            _make_room(connection)
        command = [program, "--no-owner", f"--role={OWNER}", "--exit-on-error"]
        try:
            connection.execute(_NO_DEFAULTS)
            run_program(
                [*command, f"--jobs={jobs}", str(dump)],
                parameters=parameters,
                step=_LOADED,
                on_step=counter("Loading", items, on_progress),
            )
        finally:
            # Even after a failure, so that objects created in this database later have the right privileges.
            connection.execute(DATABASE_SQL.read_bytes())
        found = take_inventory(
            connection, on_table=counter("Counting rows", len(inventory.rows), on_progress)
        )
    if different := list_differences(inventory, found):
        shown = "\n  ".join(different[:SHOWN])
        raise BackupError(
            f"What was restored differs from the backup in {len(different)} points:\n  {shown}\nDo not serve from it."
        )


def _count_items(program: str, dump: Path) -> int:
    """Return the number of items in the dump. Raises BackupError if it cannot be read."""
    listed = subprocess.run([program, "--list", str(dump)], capture_output=True, text=True, check=False)  # noqa: S603
    if listed.returncode != 0:
        raise BackupError(f"{dump} cannot be read: {listed.stderr.strip()}")
    return sum(not line.startswith(";") for line in listed.stdout.splitlines())


def _make_roles_and_database(name: str) -> None:
    """Create the roles and the database in a new cluster. The roles get the passwords of the two URLs in the settings."""
    apply_roles(
        superuser_url=settings.DATABASE_ADMIN_URL,
        owner_password=settings.DATABASES[OWNER]["PASSWORD"],
        app_password=settings.DATABASES["default"]["PASSWORD"],
    )
    create_database(superuser_url=settings.DATABASE_ADMIN_URL, name=name)


def _check_roles(connection: psycopg.Connection[Any]) -> None:
    known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
    if missing := [role for role in _ROLES if role not in known]:
        raise BackupError(
            f"The roles {', '.join(missing)} are missing: set DATABASE_ADMIN_URL, or run core/engines/sql/roles.sql first."
        )
    owned = connection.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    if owned != (OWNER,) or connection.info.user != OWNER:
        raise BackupError(
            "DATABASE_OWNER_URL must sign in as `owner`, to a database that belongs to it: createdb --owner=owner …"
        )


def _check_nobody_uses_it(connection: psycopg.Connection[Any]) -> None:
    using = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'app'"
    ).fetchone()
    if using and using[0]:
        raise BackupError(
            f"Pomelo has {using[0]} connections to this database: stop web, workers and beat before you restore into it."
        )


def _check_room(connection: psycopg.Connection[Any], *, replace: bool) -> bool:
    """Return whether the database is empty. Raises BackupError if it is not and must not be replaced."""
    tables = list_tables(connection)
    if tables and not replace:
        raise BackupError(
            f"The database {connection.info.dbname} is not empty: it has {len(tables)} tables. Nothing was changed. Set an empty one in "
            "DATABASE_OWNER_URL and DATABASE_URL, or use --replace to delete everything in it first."
        )
    return not tables


def _make_room(connection: psycopg.Connection[Any]) -> None:
    with connection.transaction():
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
