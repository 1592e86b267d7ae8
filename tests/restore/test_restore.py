"""A backup is restored in another cluster: pending work arrives, the trail verifies, and new events are delivered."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.engines import TEMPLATE, cloned_database, private_engines, private_platform, superuser_url
from tests.forked import call_with
from tests.restore import clusters, steps
from tests.restore.commands import run_commands as commands_in_turn
from tests.webhooks.receiver import Receiver

# What the application may do to the trail.
RIGHTS_ON_THE_TRAIL = """
    SELECT DISTINCT privilege_type FROM information_schema.role_table_grants
    WHERE grantee IN ('app', 'system') AND table_name IN ('audit_auditentry', 'audit_requestlog', 'audit_seal')
"""


def environment_with(addresses: dict[str, str]) -> dict[str, str]:
    # The first connection to a server that has just been filled takes a while on a busy machine.
    return os.environ | addresses | {"WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8", "DATABASE_POOL_TIMEOUT": "30"}


def run_step(addresses: dict[str, str], step: Callable[[str], Any], argument: str) -> Any:
    return call_with(environment_with(addresses), step, argument)


def run_commands(addresses: dict[str, str], *commands: list[str]) -> list[tuple[int, str]]:
    """Run management commands in one process. Return the exit status and the output of each."""
    return call_with(environment_with(addresses), commands_in_turn, commands)


def verify(addresses: dict[str, str]) -> tuple[int, str]:
    return run_commands(addresses, ["verify_platform"])[0]


def back_up(addresses: dict[str, str], into: Path) -> Path:
    [(status, output)] = run_commands(addresses, ["backup", str(into)])
    assert status == 0, output[-4000:]
    return Path(output.splitlines()[-1])


def restore(addresses: dict[str, str], backup: Path, *options: str) -> tuple[int, str]:
    return run_commands(addresses, ["restore", str(backup), *options])[0]


def alter(backup: Path, copy: Path, *, table: str) -> Path:
    """Return a copy of a backup whose manifest tells of one row more."""
    shutil.copytree(backup, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["inventory"]["rows"][table] += 1
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def assert_all_is_there(receiver: Receiver, made: dict[str, Any], found: dict[str, Any]) -> None:
    received = [got.json["data"]["object"]["id"] for got in receiver.received]
    assert set(found["order"]) == set(received)
    assert set(made["waiting"] + found["new"]) <= set(received)
    assert found["waiting"] is False
    assert found["findings"] == []
    assert found["sealed_rows"] == found["entries"]
    assert found["companies"] == 1


def test_backup_restores_into_a_cluster_with_lower_transaction_ids(tmp_path: Path) -> None:
    with Receiver() as receiver, private_platform() as (old, environment):
        # given a platform that has been in use, and events that are neither relayed nor sealed
        clusters.age(old)
        made = run_step(environment, steps.make_traffic, receiver.url)
        backup = back_up(environment, tmp_path)
        used = clusters.transactions_used(old)
        # when it is restored in a cluster without roles and database, and in one that default privileges were set in
        with private_engines() as new:
            assert clusters.transactions_used(new) < used - 10_000
            restored = clusters.environment_of(new, secrets_of=old)
            admin = {"DATABASE_ADMIN_URL": new.superuser_url}
            whole = restore(restored | admin, backup)
            found = run_step(restored, steps.go_on, made["company"])
            altered = alter(backup, tmp_path / "altered", table="accounts_company")
            refused, differs = run_commands(
                restored | admin,
                ["restore", str(backup)],
                ["restore", str(altered), "--replace", "--accept-loss"],
            )
            # and when somebody has left the rights out
            with psycopg.connect(new.superuser_url, dbname=TEMPLATE, autocommit=True) as superuser:
                rights = superuser.execute(RIGHTS_ON_THE_TRAIL).fetchall()
                superuser.execute("GRANT UPDATE ON audit_auditentry TO app")
            without_rights = verify(restored)
        # then
        assert whole[0] == 0, whole[1]
        assert "5 events relayed" in whole[1]
        assert "Rows, privileges and policies match the backup." in whole[1]
        assert_all_is_there(receiver, made, found)
        assert refused[0] == 1
        assert "is not empty" in refused[1]
        assert differs[0] == 1
        assert "accounts_company: 3 rows in the backup, 2 restored" in differs[1]
        assert set(rights) == {("INSERT",), ("SELECT",)}
        assert without_rights[0] == 1
        assert "app on audit_auditentry" in without_rights[1]


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The backup of a migrated database without companies."""
    with cloned_database() as addresses:
        return back_up(addresses, tmp_path_factory.mktemp("backup"))


def test_incomplete_backups_and_databases_in_use_are_refused(tmp_path: Path, backup: Path) -> None:
    with cloned_database() as addresses:
        # given a backup, and one whose dump was cut short
        short = shutil.copytree(backup, tmp_path / "short")
        os.truncate(short / "pomelo.dump", (short / "pomelo.dump").stat().st_size - 1)
        # when one is restored as it is, one while the platform has a connection, and one over its own database
        with psycopg.connect(addresses["DATABASE_URL"]):
            in_use = restore(addresses, backup, "--replace")
        cut = restore(addresses, short, "--replace")
        with psycopg.connect(addresses["DATABASE_OWNER_URL"]) as owner:
            left = owner.execute("SELECT count(*) FROM django_migrations").fetchone()
    # then
    assert (in_use[0], cut[0]) == (1, 1)
    assert "has 1 connections to this database: stop web, workers and beat" in in_use[1]
    assert "its SHA-256 differs" in cut[1]
    assert left is not None
    assert left[0] > 10


def defaults_of(addresses: dict[str, str]) -> list[Any]:
    with psycopg.connect(addresses["DATABASE_OWNER_URL"]) as owner:
        return owner.execute(
            "SELECT defaclobjtype, defaclacl::text FROM pg_default_acl ORDER BY 1"
        ).fetchall()


def test_failed_restore_deletes_nothing_and_keeps_default_privileges(tmp_path: Path, backup: Path) -> None:
    with cloned_database() as addresses:
        # given a backup that no program can read, and one of which the last thing can only be made by a superuser
        unreadable = shutil.copytree(backup, tmp_path / "unreadable")
        (unreadable / "pomelo.dump").write_bytes(b"nothing that pg_restore knows")
        manifest = json.loads((unreadable / "manifest.json").read_text())
        manifest["sha256"] = hashlib.sha256((unreadable / "pomelo.dump").read_bytes()).hexdigest()
        (unreadable / "manifest.json").write_text(json.dumps(manifest))
        name = psycopg.conninfo.conninfo_to_dict(addresses["DATABASE_OWNER_URL"])["dbname"]
        with psycopg.connect(superuser_url(str(name))) as superuser:
            superuser.execute(
                "CREATE FUNCTION public.looks() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'"
            )
            superuser.execute("CREATE EVENT TRIGGER looks ON ddl_command_end EXECUTE FUNCTION public.looks()")
        failing = back_up(addresses, tmp_path / "failing")
        with psycopg.connect(superuser_url(str(name))) as superuser:
            superuser.execute("DROP EVENT TRIGGER looks")
        before = defaults_of(addresses)
        # when
        refused = restore(addresses, unreadable, "--replace")
        with psycopg.connect(addresses["DATABASE_OWNER_URL"]) as owner:
            left = owner.execute("SELECT count(*) FROM django_migrations").fetchone()
        failed = restore(addresses, failing, "--replace")
        after = defaults_of(addresses)
    # then
    assert (refused[0], failed[0]) == (1, 1)
    assert "cannot be read" in refused[1]
    assert left is not None
    assert left[0] > 10
    assert "event trigger" in failed[1]
    assert after == before != []


def test_base_backup_recovers_to_a_point_in_time(tmp_path: Path) -> None:
    archive, base = tmp_path / "archive", tmp_path / "base"
    archive.mkdir(mode=0o700)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)  # the server may run under another account
    with Receiver() as receiver, private_platform() as (old, environment):
        # given a base backup, traffic after it, a moment, and more traffic after that, whose heads were exported
        clusters.begin_archiving(old, archive)
        clusters.base_backup(old, base)
        made = run_step(environment, steps.make_traffic, receiver.url)
        moment = clusters.now_of(old)
        lost = run_step(environment, steps.change_more, made["company"])["lost"]
        clusters.finish_wal(old, archive)
        # when
        with clusters.recover(base, archive, moment, old, tmp_path / "recovered") as new:
            restored = clusters.environment_of(new, secrets_of=old)
            told, accepted, again = run_commands(
                restored, ["verify_platform"], ["verify_platform", "--accept-loss"], ["verify_platform"]
            )
            found = run_step(restored, steps.go_on, made["company"])
        # then
        assert told[0] == 1
        assert "had more seals than the backup" in told[1]
        assert accepted[0] == 0, accepted[1]
        assert again[0] == 0, again[1]
        assert not set(lost) & set(found["order"])
        receiver.received[:] = [
            got for got in receiver.received if got.json["data"]["object"]["id"] not in lost
        ]
        assert_all_is_there(receiver, made, found)
