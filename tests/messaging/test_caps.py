"""Daily caps: exact under concurrency, named in headers, released on cancellation, by the UTC day of `send_at`."""

import datetime as dt
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from accounts.models import Company
from apikeys.services import IssuedKey
from core import clock
from core.tenancy import system_context, tenant_context
from messaging.models import DailyShare, DailyUsage, Message, MessageStat, Recipient
from messaging.selectors.usage import used_on
from messaging.services import cancel_message, create_message
from messaging.services.caps import DailyCapExceeded, reserve
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, make_company, make_user
from tests.threads import all_at_once, is_blocking_another
from tests.waiting import wait_until

EMAIL = {"channel": "email", "subject": "S", "text": "T"}


def override(company: Any, **limits: Any) -> None:
    with system_context(reason="tests"):
        Company.objects.filter(id=company.id).update(limit_overrides=limits)


def send(tenant: Any, to: Any, **fields: Any) -> Any:
    with tenant_context(tenant):
        return create_message(actor=SYSTEM, to=to, **{**EMAIL, **fields})


def used(tenant: Any, channel: str = "email") -> Any:
    with tenant_context(tenant):
        return dict(DailyUsage.objects.filter(channel=channel).values_list("day", "recipients"))


def test_100_concurrent_sends_at_cap_minus_10_admit_exactly_10(world: World) -> None:
    # given a company with 10 recipients left
    override(world.company, email_per_day=200)
    tenant = world.tenant()
    for _ in range(2):
        send(tenant, [f"a{n}@example.com" for n in range(95)])

    def attempt(number: Any) -> Any:
        try:
            send(tenant, [f"racer{number}@example.com"])
        except DailyCapExceeded as refusal:
            return refusal.facts["remaining"]
        else:
            return "admitted"
        finally:
            connection.close()

    # when 100 are sent at once
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(attempt, range(100)))

    # then exactly 10 are in, and the refused ones left nothing behind
    assert outcomes.count("admitted") == 10
    assert sum(used(tenant).values()) == 200
    with tenant_context(tenant):
        assert Message.objects.count() == 12
        assert Recipient.objects.count() == 200
        assert sum(MessageStat.objects.filter(tag="").values_list("recipients", flat=True)) == 200


# A cap from which concurrent senders count in shares: 128 parts of 20 recipients.
SHARED_CAP, PIECE = 2560, 20


def counted(tenant: Any, day: Any = None) -> Any:
    with tenant_context(tenant):
        return used_on("email", day or clock.now().date())


def shares(tenant: Any) -> Any:
    with tenant_context(tenant):
        return sorted(DailyShare.objects.values_list("unused", flat=True))


def reserve_some(recipients: Any) -> Any:
    return reserve(channel="email", moment=clock.now(), recipients=recipients, now=clock.now())


def test_sender_facing_a_locked_day_row_counts_in_a_share(world: World) -> None:
    override(world.company, email_per_day=SHARED_CAP)
    tenant = world.tenant()

    def attempt(recipients: Any) -> Any:
        try:
            with tenant_context(tenant):
                return reserve_some(recipients).used
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        # given somebody who had to wait for another sender, and so set a share aside
        with tenant_context(tenant):
            reserve_some(2)
        with tenant_context(tenant):
            reserve_some(3)
            waiting = pool.submit(attempt, 1)
            wait_until(is_blocking_another)
        assert waiting.result(timeout=30) == 6
        assert shares(tenant) == [PIECE]

        # when one counts while another one's transaction is open, then it does not wait for its end
        with tenant_context(tenant):
            reserve_some(3)
            assert pool.submit(attempt, 2).result(timeout=30) == 8  # the other one's are not committed
        assert shares(tenant) == [PIECE - 2]
        assert counted(tenant) == 11

        # and a lowered cap is kept by shares too: 11 are counted
        override(world.company, email_per_day=12)
        with tenant_context(tenant):
            reserve_some(1)
            refused = pool.submit(attempt, 1)
            wait_until(is_blocking_another)
        with pytest.raises(DailyCapExceeded):
            refused.result(timeout=30)
        assert counted(tenant) == 12


@pytest.mark.parametrize("seed", [1, 2])
def test_concurrent_senders_use_the_cap_exactly(world: World, seed: int) -> None:
    # given 300 recipients that are left, and senders of one to five at a time, some of whom fail afterwards
    override(world.company, email_per_day=SHARED_CAP)
    tenant = world.tenant()
    with tenant_context(tenant):
        reserve_some(SHARED_CAP - 300)

    def send_until_refused(number: Any) -> Any:
        dice, kept, refusals = random.Random(seed * 100 + number), 0, []
        while True:
            wanted = dice.choice([1, 1, 2, 5])
            try:
                with tenant_context(tenant):
                    usage = reserve_some(wanted)
                    assert usage.used <= SHARED_CAP
                    if dice.random() < 0.1:
                        raise InterruptedError
            except InterruptedError:
                continue
            except DailyCapExceeded as refusal:
                refusals.append((refusal.facts["remaining"], wanted))
                if wanted == 1:
                    return kept, refusals
                continue
            kept += wanted

    # when eight send until not even one more fits
    outcomes = all_at_once(8, send_until_refused)

    # then every recipient of the cap was given to somebody, nobody was refused who would have fit, and no share has any left
    assert sum(kept for kept, _ in outcomes) == 300
    assert all(remaining < wanted for _, refusals in outcomes for remaining, wanted in refusals)
    assert counted(tenant) == SHARED_CAP
    assert sum(shares(tenant)) == 0


def test_cap_counts_recipients_and_messages_are_accepted_whole(world: World) -> None:
    override(world.company, email_per_day=3)
    send(world.tenant(), ["a@example.com", "b@example.com"])

    with pytest.raises(DailyCapExceeded) as refusal:
        send(world.tenant(), ["c@example.com", "d@example.com"])

    assert refusal.value.facts == {
        "policy": "email-day",
        "day": clock.now().date().isoformat(),
        "limit": 3,
        "remaining": 1,
        "recipients": 2,
    }
    send(world.tenant(), ["e@example.com"])
    assert sum(used(world.tenant()).values()) == 3


def test_one_message_larger_than_the_whole_cap_is_refused(world: World) -> None:
    override(world.company, email_per_day=1)

    with pytest.raises(DailyCapExceeded):
        send(world.tenant(), ["a@example.com", "b@example.com"])

    assert used(world.tenant()) == {}


def test_channels_modes_days_and_companies_are_counted_separately(world: World) -> None:
    override(world.company, email_per_day=1, sms_per_day=1)
    tomorrow = clock.now() + dt.timedelta(days=1)

    send(world.tenant(), ["a@example.com"])
    send(world.tenant("test"), ["a@example.com"])
    send(world.tenant(), ["a@example.com"], send_at=tomorrow)
    send(world.tenant(), ["+4930123456"], channel="sms", subject="")
    send(world.other_tenant(), ["a@example.com"])

    assert set(used(world.tenant()).values()) == {1}
    assert set(used(world.tenant())) == {clock.now().date(), tomorrow.date()}
    with pytest.raises(DailyCapExceeded):
        send(world.tenant(), ["b@example.com"], send_at=tomorrow)


def test_canceling_returns_the_recipients_to_the_day_of_send_at(world: World) -> None:
    override(world.company, email_per_day=2)
    tomorrow = clock.now() + dt.timedelta(days=1)
    accepted = send(world.tenant(), ["a@example.com", "b@example.com"], send_at=tomorrow)

    with tenant_context(world.tenant()):
        canceled = cancel_message(message=accepted.message, actor=SYSTEM)

    assert canceled.usage.remaining == 2
    assert used(world.tenant()) == {tomorrow.date(): 0}
    send(world.tenant(), ["c@example.com", "d@example.com"], send_at=tomorrow)


def test_staff_override_applies_immediately(world: World) -> None:
    override(world.company, email_per_day=0)
    with pytest.raises(DailyCapExceeded):
        send(world.tenant(), ["a@example.com"])

    override(world.company, email_per_day=1)

    send(world.tenant(), ["a@example.com"])


def test_last_second_of_a_day_counts_for_that_day() -> None:
    company = make_company("Late", make_user("late"))
    last = dt.datetime(2031, 5, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)
    with tenant_context(company.live_tenant):
        usage = reserve(channel="email", moment=last, recipients=1, now=last)
        next_day = reserve(
            channel="email", moment=last + dt.timedelta(microseconds=1), recipients=1, now=last
        )

    assert (usage.day, usage.used, usage.seconds_left(last)) == (dt.date(2031, 5, 31), 1, 1)
    assert (next_day.day, next_day.used) == (dt.date(2031, 6, 1), 1)
    assert usage.seconds_left(last.replace(hour=0, minute=0, second=0, microsecond=0)) == 86_400


def test_headers_name_the_cap_and_the_refusal_has_retry_after(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    override(world.company, email_per_day=2)
    client = api(issue_key(world.company, scopes=["messaging:send"]).client_secret)
    body = {"to": ["a@example.com"], **EMAIL}

    first = client.post("/v1/messages", body)
    client.post("/v1/messages", body)
    refused = client.post("/v1/messages", body)

    assert '"email-day";q=2;w=86400;qu="recipients"' in first.headers["RateLimit-Policy"]
    assert '"messages";q=10' in first.headers["RateLimit-Policy"]
    assert '"email-day";r=1;t=' in first.headers["RateLimit"]
    assert (refused.status, refused.code) == (429, "daily_cap_exceeded")
    assert '"email-day";r=0;t=' in refused.headers["RateLimit"]
    midnight = dt.datetime.combine(clock.now().date() + dt.timedelta(days=1), dt.time.min, tzinfo=dt.UTC)
    wait = (midnight - clock.now()).total_seconds()
    assert wait <= int(refused.headers["Retry-After"]) <= wait + 30
    assert sum(used(world.tenant()).values()) == 2
