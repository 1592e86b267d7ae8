"""Old data goes through every migration and back: no row, constraint, privilege or policy is lost."""

import json
import os
import subprocess
import sys
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest

from tests.engines import empty_database, superuser_url, template_owner_url

ROOT = Path(__file__).resolve().parents[2]

# What migrations change of a row on purpose, and why: "table.column".
CHANGED = {"billing_tierlimits.updated": "is when the tiers were seeded (billing 0002)"}
# Tables whose rows a migration writes: they go with it and come again.
SEEDED = {"billing_tierlimits"}


@pytest.fixture(scope="module")
def walk() -> dict[str, Any]:
    """What tests/upgrade/steps.py saw on its way there and back."""
    with empty_database() as environment:
        made = subprocess.run(
            [sys.executable, "-m", "tests.upgrade.steps", template_owner_url()],
            cwd=ROOT,
            env=os.environ | environment | {"SUPERUSER_URL": superuser_url()},
            capture_output=True,
            text=True,
            check=False,
        )
    assert made.returncode == 0, made.stderr[-4000:]
    return json.loads(made.stdout)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("oldest", "upgraded"),
        ("used", "back"),
        ("back", "again"),
        ("oldest", "back"),
        ("upgraded", "again"),
    ],
)
def test_every_row_keeps_its_values(walk: dict[str, Any], before: str, after: str) -> None:
    rows, rows_after = walk["stages"][before]["rows"], walk["stages"][after]["rows"]

    found = []
    for table in rows:
        for key, row in rows[table].items():
            same = rows_after[table].get(key)
            if same is None and table in SEEDED:
                continue
            if same is None:
                found.append(f"{table}: a row is gone")
                continue
            found += [
                f"{table}.{column}: {row[column]!r} became {same[column]!r}"
                for column in row.keys() & same.keys()
                if row[column] != same[column] and f"{table}.{column}" not in CHANGED
            ]

    assert found == []
    # a table of ours without a row would show nothing
    assert [table for table in rows.keys() - SEEDED if not rows[table]] == []


def test_migrated_schema_equals_a_fresh_one(walk: dict[str, Any]) -> None:
    schemas = {name: stage["schema"] for name, stage in walk["stages"].items()} | {"new": walk["new_schema"]}

    for one, other in (("new", "upgraded"), ("new", "again"), ("oldest", "back")):
        assert list(unified_diff(schemas[one], schemas[other], one, other, n=0)) == []
    assert walk["excess_privileges"] == walk["open_tables"] == []


def test_downgrading_removes_all_tables_and_migrating_recreates_them(walk: dict[str, Any]) -> None:
    assert walk["left"] == []
    assert list(unified_diff(walk["new_schema"], walk["made_anew"], "new", "made anew", n=0)) == []


def test_migrated_rows_stay_within_their_company(walk: dict[str, Any]) -> None:
    old_tables = walk["stages"]["oldest"]["rows"].keys()

    assert [table for table, count in walk["seen"].items() if table in old_tables and count == 0] == []
    assert set(walk["seen_by_another"].values()) == {0}
