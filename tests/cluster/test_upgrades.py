"""An older PostgreSQL's platform is brought to the packaged version by backup and restore, and goes on as if nothing had been."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from core.engines import postgres
from tests.cluster.life import manage
from tests.cluster.test_postgresql import platform_on
from tests.engines import private_engines
from tests.restore.test_restore import assert_all_is_there, back_up, restore, run_step
from tests.webhooks.receiver import Receiver


@pytest.mark.parametrize("version", [15, 16, 17])
def test_an_upgrade_by_backup_and_restore(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: Any
) -> None:
    with Receiver() as receiver, platform_on(version, monkeypatch) as (old, environment, exact):
        # given a platform on the older version, with events that are neither relayed nor sealed
        manage(settings_of_the_suite(environment), "migrate", "--database=owner", "--verbosity=0")
        made = run_step(environment, "make_traffic", receiver.url)
        backup = back_up(environment, tmp_path)
        monkeypatch.setattr(postgres, "other_programs", None)
        # when it is restored in a new cluster of the packaged version
        with private_engines() as new:
            upgraded = {
                **new.environment,
                "DATA_DIR": str(old.data_dir),
                "DATABASE_URL": new.database_url("app", "pomelo"),
                "DATABASE_OWNER_URL": new.database_url("owner", "pomelo"),
                "DATABASE_ADMIN_URL": new.superuser_url,
            }
            status, said = restore(upgraded, backup)
            assert status == 0, said
            found = run_step(upgraded, "go_on", made["company"])
    # then
    assert_all_is_there(receiver, made, found)
    seen(
        f"PostgreSQL {exact} to {postgres.MAJOR_VERSION}",
        "`backup`, `restore`, everything on its way arrived, seals hold",
    )


def settings_of_the_suite(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment of a process with the settings of the suite."""
    return os.environ | environment | {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
