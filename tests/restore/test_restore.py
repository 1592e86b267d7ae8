"""A backup is restored in another cluster: everything on its way arrives, the trail holds, new events flow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engines import private_engines, private_platform
from tests.restore import clusters
from tests.webhooks.receiver import Receiver

ROOT = Path(__file__).resolve().parents[2]


def run_step(environment: dict[str, str], step: str, argument: str) -> Any:
    made = subprocess.run(
        [sys.executable, "-m", "tests.restore.steps", step, argument],
        cwd=ROOT,
        env=os.environ
        | environment
        | {"DJANGO_SETTINGS_MODULE": "config.settings.test", "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-4000:]
    return json.loads(made.stdout)


def assert_all_is_there(receiver: Receiver, made: dict[str, Any], found: dict[str, Any]) -> None:
    received = [got.json["data"]["id"] for got in receiver.received]
    assert set(found["order"]) == set(received)
    assert set(made["waiting"] + found["new"]) <= set(received)
    assert found["waiting"] is False
    assert found["findings"] == []
    assert found["sealed_rows"] == found["entries"]
    assert found["companies"] == 1


@pytest.mark.timeout(420)
def test_a_dump_restored_in_a_cluster_that_counts_fewer_transactions(tmp_path: Path) -> None:
    with Receiver() as receiver, private_platform() as (old, environment):
        # given
        clusters.age(old)
        made = run_step(environment, "make_traffic", receiver.url)
        clusters.dump(old, tmp_path / "pomelo.dump")
        used = clusters.transactions_used(old)
        # when
        with private_engines() as new:
            clusters.restore(tmp_path / "pomelo.dump", new)
            assert clusters.transactions_used(new) < used - 10_000
            found = run_step(clusters.environment_of(new, secrets_of=old), "go_on", made["company"])
        # then
        assert_all_is_there(receiver, made, found)
