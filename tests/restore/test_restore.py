"""A backup is restored in another cluster: everything on its way arrives, the trail holds, new events flow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.engines import TEMPLATE, private_engines, private_platform
from tests.restore import clusters
from tests.webhooks.receiver import Receiver

ROOT = Path(__file__).resolve().parents[2]


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ
        | environment
        | {"DJANGO_SETTINGS_MODULE": "config.settings.test", "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"},
        capture_output=True,
        text=True,
        check=False,
    )


def run_step(environment: dict[str, str], step: str, argument: str) -> Any:
    made = run(environment, "-m", "tests.restore.steps", step, argument)
    assert made.returncode == 0, made.stderr[-4000:]
    return json.loads(made.stdout)


def verify(environment: dict[str, str], *options: str) -> tuple[int, str]:
    made = run(environment, "manage.py", "verify_platform", *options)
    return made.returncode, made.stdout + made.stderr


def assert_all_is_there(receiver: Receiver, made: dict[str, Any], found: dict[str, Any]) -> None:
    received = [got.json["data"]["object"]["id"] for got in receiver.received]
    assert set(found["order"]) == set(received)
    assert set(made["waiting"] + found["new"]) <= set(received)
    assert found["waiting"] is False
    assert found["findings"] == []
    assert found["sealed_rows"] == found["entries"]
    assert found["companies"] == 1


@pytest.mark.timeout(600)
def test_a_dump_restored_in_a_cluster_that_counts_fewer_transactions(tmp_path: Path) -> None:
    with Receiver() as receiver, private_platform() as (old, environment):
        # given a platform that has been in use, and events that are neither relayed nor sealed
        clusters.age(old)
        made = run_step(environment, "make_traffic", receiver.url)
        clusters.dump(old, tmp_path / "pomelo.dump")
        used = clusters.transactions_used(old)
        # when
        with private_engines() as new:
            clusters.restore(tmp_path / "pomelo.dump", new)
            assert clusters.transactions_used(new) < used - 10_000
            restored = clusters.environment_of(new, secrets_of=old)
            whole = verify(restored)
            found = run_step(restored, "go_on", made["company"])
            # and when somebody has left the rights out
            with psycopg.connect(new.superuser_url, dbname=TEMPLATE, autocommit=True) as superuser:
                superuser.execute("GRANT UPDATE ON audit_auditentry TO app")
            without_rights = verify(restored)
        # then
        assert whole[0] == 0, whole[1]
        assert "5 events relayed" in whole[1]
        assert_all_is_there(receiver, made, found)
        assert without_rights[0] == 1
        assert "app on audit_auditentry" in without_rights[1]


@pytest.mark.timeout(600)
def test_a_base_backup_recovered_to_a_moment_in_the_past(tmp_path: Path) -> None:
    archive, backup = tmp_path / "archive", tmp_path / "backup"
    archive.mkdir(mode=0o700)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)  # the server may run under another account
    with Receiver() as receiver, private_platform() as (old, environment):
        # given a base backup, traffic after it, a moment, and more traffic after that, whose heads were exported
        clusters.begin_archiving(old, archive)
        clusters.base_backup(old, backup)
        made = run_step(environment, "make_traffic", receiver.url)
        moment = clusters.now_of(old)
        lost = run_step(environment, "change_more", made["company"])["lost"]
        clusters.finish_wal(old, archive)
        # when
        with clusters.recover(backup, archive, moment, old, tmp_path / "recovered") as new:
            restored = clusters.environment_of(new, secrets_of=old)
            told = verify(restored)
            accepted = verify(restored, "--accept-loss")
            again = verify(restored)
            found = run_step(restored, "go_on", made["company"])
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
