"""Old data goes through every migration, back, and here again: no row, constraint, right or policy is lost on the way."""

import json
import os
import subprocess
import sys
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest

from tests.engines import empty_database, superuser_url, template_owner_url

# A minute on a quiet machine.
pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).resolve().parents[2]

# What migrations change of a row on purpose, and why.
CHANGED = {
    "billing_customer.external_id": "is compared in NFC now, and kept in it (billing 0005)",
    "webhooks_endpoint.subscribed_from": "was a transaction id and is a position; of old endpoints 0, which is before all (webhooks 0003)",
    "webhooks_recoveryjob.began_at_sequence": "is the counter's value when a job begins; of older jobs, when they are migrated (webhooks 0003)",
    # Only on the way back: these migrations replaced transaction ids by counters; the ids made anew are those of the way back.
    "audit_auditentry.transaction_id": "(audit 0002)",
    "audit_staffentry.transaction_id": "(audit 0002)",
    "core_outboxevent.transaction_id": "(core 0004)",
    "webhooks_recoveryjob.started_in": "(webhooks 0003)",
}
# The cursor of transaction ids is not needed while there are none; going back makes it anew.
REPLACED_TABLES = {"audit_sealcursor"}

# What migrations say when they are not taken back.
NAMED = {
    "messaging_0011_reputation": "companies whose email is paused",
    "messaging_0010_attachments": "messages that wait with files",
    "billing_0011_after_issue_guards": "credit notes and payments past the gateway",
    "billing_0009_tax_sums": "invoices with parts of a unit, a discount",
    "billing_0007_immutable_by_default": "issued invoices that say who sells",
}
# What the walk removes itself, since the release before has no place for it (NOT_LET_GO of tests/upgrade/steps.py).
REMOVED = {
    ("back", f"billing_{table}") for table in ("refund", "charge", "invoiceline", "invoicelink", "invoice")
}


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
        ("used", "refused"),
        ("oldest", "upgraded"),
        ("used", "back"),
        ("back", "again"),
        ("oldest", "back"),
        ("upgraded", "again"),
    ],
)
def test_every_row_keeps_what_it_says(walk: dict[str, Any], before: str, after: str) -> None:
    rows, rows_after = walk["stages"][before]["rows"], walk["stages"][after]["rows"]

    found = []
    for table in rows.keys() - REPLACED_TABLES:
        for key, row in rows[table].items():
            same = rows_after[table].get(key)
            if same is None and (after, table) in REMOVED:
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
    assert [table for table in rows if not rows[table]] == []


def test_what_the_release_before_cannot_hold_is_named_and_kept(walk: dict[str, Any]) -> None:
    """The rows are those that the services of this release have written."""
    said = walk["refusals"]
    assert {name: words for name, words in NAMED.items() if words in said.get(name, "")} == NAMED


def test_what_is_added_is_filled_from_what_was_there(walk: dict[str, Any]) -> None:
    oldest = walk["stages"]["oldest"]["rows"]
    for stage in ("upgraded", "again"):
        rows = {
            table: [found[key] for key in oldest[table]]
            for table, found in walk["stages"][stage]["rows"].items()
            if table not in REPLACED_TABLES
        }
        assert {row["external_id"] for row in rows["billing_customer"]} == {"Zo\u00eb"}
        assert {row["amount_refunded"] for row in rows["billing_invoice"]} == {50}
        assert all(row["sequence"] for row in rows["core_outboxevent"])
    # of the hour and of the day: all, by key and by route
    assert walk["seen"]["audit_usagerollup"] == 6


def test_the_schema_is_that_of_an_empty_database(walk: dict[str, Any]) -> None:
    schemas = {name: stage["schema"] for name, stage in walk["stages"].items()} | {"new": walk["new_schema"]}

    for one, other in (("new", "upgraded"), ("new", "again"), ("oldest", "back")):
        assert list(unified_diff(schemas[one], schemas[other], one, other, n=0)) == []
    assert walk["wrong_rights"] == walk["open_tables"] == []


def test_old_rows_are_their_companys_and_nobody_elses(walk: dict[str, Any]) -> None:
    old_tables = walk["stages"]["oldest"]["rows"].keys()

    assert [table for table, count in walk["seen"].items() if table in old_tables and count == 0] == []
    assert set(walk["seen_by_another"].values()) == {0}
