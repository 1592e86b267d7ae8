"""`/readyz` tells in time that nobody makes partitions any more."""

import pytest
from django.test import Client

from audit.partitions import readiness


@pytest.mark.parametrize(
    ("ahead", "status", "said"),
    [
        (30, 200, "ok"),
        (7, 200, "ok"),
        (6, 200, "warning: audit partitions are made for 6 more days only: does the scheduler (beat) run?"),
        (-1, 503, "today's audit partition is missing: run `manage.py migrate --database=owner`"),
    ],
)
def test_partitions_that_run_out_are_said(
    monkeypatch: pytest.MonkeyPatch, ahead: int, status: int, said: str
) -> None:
    monkeypatch.setattr(readiness, "days_ahead", lambda: ahead)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["audit_partitions"]) == (status, said)


def test_the_partitions_of_this_run_are_there() -> None:
    assert readiness.check_partitions() is None
