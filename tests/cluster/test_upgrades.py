"""Upgrades a platform from an older PostgreSQL to the packaged version, by both procedures of the runbook."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest

from core.backups.inventory import Inventory, list_differences, take_inventory
from core.engines import pair
from core.engines import programs as wheel
from core.engines.identity import change_owner, choose_identity
from core.engines.pair import Engines
from tests.cluster.servers import PACKAGED, MigratedServers
from tests.engines import FOLDER_PREFIX, ROOT, TEMPLATE, private_engines
from tests.restore import steps
from tests.restore.clusters import environment_of
from tests.restore.test_restore import assert_all_is_there, back_up, restore, run_commands, run_step
from tests.webhooks.receiver import Receiver

OLDER = [15, 16, 17]
# Not part of a database copy: the roles, their memberships and their settings.
ROLES = """
    SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls, s.setconfig,
        array(SELECT m.roleid::regrole::text FROM pg_auth_members m WHERE m.member = r.oid ORDER BY 1)
    FROM pg_roles r LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = 0
    WHERE r.rolname !~ '^pg_' ORDER BY 1
"""
LAST_POSITION = "SELECT max(position) FROM core_outboxevent"
MARKED_COLUMNS = "SELECT count(*) FROM pg_attribute WHERE strpos(attoptions::text, 'pg_attver') > 0"
FIRST_POSITION_OF = "SELECT min(position) FROM core_outboxevent WHERE object_id = ANY(%s)"


@pytest.mark.parametrize("version", OLDER)
def test_upgrade_by_backup_and_restore_works(
    version: int,
    tmp_path: Path,
    migrated_servers: MigratedServers,
    monkeypatch: pytest.MonkeyPatch,
    seen: Any,
) -> None:
    with (
        Receiver() as receiver,
        migrated_servers.platform_on(version, monkeypatch) as (old, environment, exact),
    ):
        # given a platform on the older version, with events that are neither relayed nor sealed
        made = run_step(environment, steps.make_traffic, receiver.url)
        backup = back_up(environment, tmp_path)
        monkeypatch.setattr(wheel, "other_programs", None)
        # when it is restored in a new cluster of the packaged version
        with private_engines() as new:
            upgraded = environment_of(new, secrets_of=old)
            status, output = restore(upgraded | {"DATABASE_ADMIN_URL": new.superuser_url}, backup)
            assert status == 0, output
            found = run_step(upgraded, steps.go_on, made["company"])
    # then
    assert_all_is_there(receiver, made, found)
    seen(
        f"PostgreSQL {exact} to {PACKAGED}",
        "`backup`, `restore`: everything on its way arrived, seals hold",
    )


@pytest.mark.parametrize("version", OLDER)
def test_upgrade_by_pg_upgrade_works(
    version: int, migrated_servers: MigratedServers, monkeypatch: pytest.MonkeyPatch, seen: Any
) -> None:
    """Executes the commands of the runbook."""
    as_postgres, statistics, as_pomelo = blocks_of_the_runbook()
    with (
        Receiver() as receiver,
        migrated_servers.platform_on(version, monkeypatch) as (old, environment, exact),
        tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as folder,
    ):
        # given a platform on the older version, with events that are neither relayed nor sealed
        made = run_step(environment, steps.make_traffic, receiver.url)
        before, roles_before = look(old)
        [last] = ask(old, LAST_POSITION)
        [marked] = ask(old, MARKED_COLUMNS)
        programs = {"OLD_BIN": str(wheel.postgres_program("postgres").parent)}
        old.stop()
        monkeypatch.setattr(wheel, "other_programs", None)
        new_server = wheel.postgres_program("postgres")
        programs["NEW_BIN"] = str(new_server.parent)
        if marked and b"pg_attver" not in new_server.read_bytes():
            pytest.skip(f"pg_upgrade from {exact} stops at this {PACKAGED}, as the runbook warns: pg_attver")
        # when the runbook is executed
        new = upgrade(old, Path(folder), as_postgres, programs, monkeypatch)
        with new:
            after, roles_after = look(new)
            upgraded = environment_of(new, secrets_of=old)
            run_shell(statistics, programs | {"DATABASE_ADMIN_URL": new.superuser_url})
            commands = [line.removeprefix("python manage.py ").split() for line in as_pomelo.splitlines()]
            for status, output in run_commands(upgraded, *commands):
                assert status == 0, output
            found = run_step(upgraded, steps.go_on, made["company"])
            [next_one] = ask(new, FIRST_POSITION_OF, made["waiting"] + found["new"])
    # then
    assert list_differences(before, after) == []
    assert roles_before == roles_after
    assert_all_is_there(receiver, made, found)
    assert next_one > last
    seen(
        f"PostgreSQL {exact} to {PACKAGED}",
        "`pg_upgrade` by the runbook: roles, privileges and policies equal, everything on its way arrived, seals hold",
    )


def blocks_of_the_runbook() -> list[str]:
    """Return the runbook's commands for `pg_upgrade`: as PostgreSQL's account, for statistics, as Pomelo."""
    text = (ROOT / "docs/runbooks/upgrade-postgresql.md").read_text()
    section = text.partition("by `pg_upgrade`")[2].partition("\n## ")[0]
    found = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    blocks = [re.sub(r"^ +", "", block, flags=re.MULTILINE).strip() for block in found]
    assert len(blocks) == 3
    return blocks


def upgrade(
    old: Engines, folder: Path, script: str, programs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Engines:
    """Run the commands of PostgreSQL's account. Return the engines of the new cluster, which repair nothing at startup."""
    for name in ("secrets.env", "admin.env"):
        shutil.copy2(old.data_dir / name, folder / name)
    with tempfile.TemporaryDirectory(dir=folder) as probe:
        identity = choose_identity(folder=Path(probe), probe=[f"{programs['NEW_BIN']}/postgres", "--version"])
    work = folder / "work"
    work.mkdir()
    change_owner(work, identity)
    password = psycopg.conninfo.conninfo_to_dict(old.superuser_url)["password"]
    folders = {"OLD_DATA": str(old.postgres.folder), "NEW_DATA": str(work / "postgres")}
    run_shell(
        script,
        programs | folders | {"PGPASSWORD": str(password)},
        command=identity.command(["/bin/sh", "-eu", "-c", f"cd {work}\n{script}"], folder=work),
    )
    (work / "postgres").rename(folder / "postgres")
    with (folder / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("include_if_exists = 'pomelo.conf'\n")
    monkeypatch.setattr(pair, "apply_roles", lambda **_: None)
    monkeypatch.setattr(pair, "ensure_database", lambda **_: None)
    return Engines(folder, durable=False)


def run_shell(script: str, variables: dict[str, str], *, command: list[str] | None = None) -> None:
    """Run commands of the runbook. Raises AssertionError with their output."""
    done = subprocess.run(
        command or ["/bin/sh", "-euc", script],
        env={"PATH": os.defpath, "LC_ALL": "C"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def look(engines: Engines) -> tuple[Inventory, list[tuple[Any, ...]]]:
    """Return the inventory of the platform's database, and the cluster's roles."""
    with psycopg.connect(engines.superuser_url, dbname=TEMPLATE) as connection:
        inventory = take_inventory(connection, on_table=lambda: None)
        return inventory, connection.execute(ROLES).fetchall()


def ask(engines: Engines, statement: str, *parameters: Any) -> tuple[Any, ...]:
    """Return the first row of a query by the superuser."""
    with psycopg.connect(engines.superuser_url, dbname=TEMPLATE) as connection:
        return connection.execute(statement, parameters).fetchone() or ()
