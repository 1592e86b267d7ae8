"""`/readyz` warns early when partitions are no longer created."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
import pytest
from django.test import Client

from audit.partitions import readiness
from tests.engines import superuser_url


@contextmanager
def as_superuser(change: LiteralString, *, undo: LiteralString) -> Iterator[None]:
    """Change the database as its superuser until the end of the block."""
    with psycopg.connect(superuser_url(), autocommit=True) as admin:
        admin.execute(change)
        try:
            yield
        finally:
            admin.execute(undo)


@pytest.mark.parametrize(
    ("ahead", "status", "message"),
    [
        (30, 200, "ok"),
        (7, 200, "ok"),
        (6, 200, "warning: audit partitions are made for 6 more days only: is the scheduler (beat) running?"),
        (-1, 503, "today's audit partition is missing: run `manage.py migrate --database=owner`"),
    ],
)
def test_shortage_of_partitions_is_reported(
    monkeypatch: pytest.MonkeyPatch, ahead: int, status: int, message: str
) -> None:
    monkeypatch.setattr(readiness, "days_ahead", lambda: ahead)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["audit_partitions"]) == (status, message)


def test_partitions_of_the_current_day_exist() -> None:
    assert readiness.check_partitions() is None


def test_writable_audit_trail_makes_the_process_unready() -> None:
    """As a restore leaves it that brings no privileges, or adds the default ones."""
    with as_superuser(
        "GRANT UPDATE ON audit_auditentry TO app", undo="REVOKE UPDATE ON audit_auditentry FROM app"
    ):
        answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["audit_rights"].startswith(
        "the audit trail can be changed by app on audit_auditentry (1 in all)"
    )
    assert Client().get("/readyz").status_code == 200


def test_table_without_rls_policies_makes_the_process_unready() -> None:
    table = "ALTER TABLE billing_customer"
    with as_superuser(f"{table} DISABLE ROW LEVEL SECURITY", undo=f"{table} ENABLE ROW LEVEL SECURITY"):
        answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["walls"] == "row-level security is off on billing_customer (1 in all)"
