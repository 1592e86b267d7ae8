"""A bad row does not block others: it is set aside with its reason, shown to staff, and retried until it succeeds."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DataError, OperationalError, connection

from core import clock
from core.background import set_aside
from core.models import SetAside
from core.tenancy import system_context
from tests.clients import sign_in
from tests.factories import make_user


def batch_name() -> str:
    return f"tests.{uuid.uuid4().hex[:12]}"


def run(batch: str, rows: list[uuid.UUID], work: Callable[[uuid.UUID], object]) -> int:
    return set_aside.each(batch, rows, work, identify=lambda row: (f"row_{row.hex}", row))


def of(batch: str) -> list[SetAside]:
    with system_context(reason="tests"):
        return list(SetAside.objects.filter(batch=batch).order_by("id"))


def query(sql: str, *params: int) -> None:
    with system_context(reason="tests"), connection.cursor() as cursor:
        cursor.execute(sql, params)


def test_failing_rows_are_set_aside_and_the_others_processed() -> None:
    first, poisoned, refused, last = rows = [uuid.uuid4() for _ in range(4)]
    batch, done = batch_name(), []

    def work(row: uuid.UUID) -> None:
        if row == poisoned:
            raise ValueError("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA cannot be\x00 read")
        query("SELECT 1 / %s", 0 if row == refused else 1)
        done.append(row)

    before = set_aside.SET_ASIDE.labels(batch)._value.get()

    assert run(batch, rows, work) == 2

    assert done == [first, last]
    assert [(row.item, row.row_id, row.attempts) for row in of(batch)] == [
        (f"row_{poisoned.hex}", poisoned, 1),
        (f"row_{refused.hex}", refused, 1),
    ]
    assert of(batch)[0].reason == "ValueError: [redacted] cannot be\ufffd read"
    assert of(batch)[1].reason.startswith("DataError: division by zero")
    assert set_aside.SET_ASIDE.labels(batch)._value.get() - before == 2


def test_rows_set_aside_are_retried_with_growing_delays_and_removed_on_success() -> None:
    row, batch = uuid.uuid4(), batch_name()

    def fail(_: uuid.UUID) -> None:
        raise KeyError("missing")

    waits = []
    for _ in range(7):
        run(batch, [row], fail)
        (found,) = of(batch)
        waits.append(found.try_again_at - found.last_seen)
    with system_context(reason="tests"):
        assert set_aside.resting(batch) == [row]
        SetAside.objects.filter(batch=batch).update(try_again_at=clock.now() - timedelta(seconds=1))
        assert set_aside.resting(batch) == []

    assert run(batch, [row], lambda _: None) == 1

    assert waits == [*set_aside.WAITS, set_aside.WAITS[-1], set_aside.WAITS[-1]]
    assert of(batch) == []


@pytest.mark.parametrize(
    "failure",
    [
        OperationalError("the connection is closed"),
        SoftTimeLimitExceeded(),
    ],
    ids=["PostgreSQL is away", "the task's time is over"],
)
def test_outage_ends_the_batch_and_sets_no_row_aside(failure: Exception) -> None:
    batch = batch_name()

    def fail(_: uuid.UUID) -> None:
        raise failure

    with pytest.raises(type(failure)):
        run(batch, [uuid.uuid4(), uuid.uuid4()], fail)

    assert of(batch) == []


def test_deadlock_fails_one_row_but_a_shutdown_fails_the_batch() -> None:
    def raised(sqlstate: str) -> Exception:
        with pytest.raises(Exception) as caught:
            query(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END $$")
        return caught.value

    assert not set_aside.concerns_all(raised("40P01"))
    assert not set_aside.concerns_all(raised("22003"))
    assert isinstance(raised("22003"), DataError)
    assert set_aside.concerns_all(raised("57P01"))
    assert set_aside.concerns_all(raised("53300"))
    assert set_aside.concerns_all(raised("25006"))


def test_staff_see_what_was_set_aside_and_why_and_no_one_else_can_read_it() -> None:
    batch = batch_name()
    set_aside.record_failure(batch, "row_seen", ValueError("its text has no end"))
    staff = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": "unused"})

    page = sign_in(staff).get(f"/staff/core/setaside/?q={'row_seen'}").content.decode()

    assert batch in page
    assert "ValueError: its text has no end" in page
    with pytest.raises(Exception, match="permission denied for table core_setaside"):
        SetAside.objects.count()


def test_entries_without_failure_for_ninety_days_are_deleted() -> None:
    old, recent = batch_name(), batch_name()
    for batch, item in ((old, "row"), (old, "other"), (recent, "row")):
        set_aside.record_failure(batch, item, "broken")
    with system_context(reason="tests"):
        SetAside.objects.filter(batch=old).update(last_seen=clock.now() - timedelta(days=91))

    once, then = set_aside.prune(max_steps=1, step=1), set_aside.prune()

    assert (once, then) == (1, 1)
    assert (of(old), len(of(recent))) == ([], 1)
