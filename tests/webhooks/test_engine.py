"""What the delivery engine does with every kind of answer, endpoint and mishap."""

import asyncio
import threading
import time
from datetime import timedelta
from email.utils import format_datetime

import psycopg
import pytest
from django.core import mail
from django.db import connection
from django.test import override_settings

from accounts.models import Company
from core import clock
from core.models import OutboxEvent
from core.tenancy import system_context, tenant_context
from tests.engines import superuser_url
from tests.factories import SYSTEM, make_customer, make_world
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import (
    FAST,
    attempts_of,
    deliveries_of,
    drain,
    fresh,
    make_due,
    make_endpoint,
    relay_all,
    set_others_aside,
)
from webhooks import emails, relay, retention
from webhooks.delivery.claim import claim
from webhooks.delivery.limits import Limits
from webhooks.delivery.outcome import Outcome
from webhooks.delivery.pump import Pump
from webhooks.delivery.record import record
from webhooks.models import Delivery, Endpoint, EndpointHour
from webhooks.services.deliveries import resend_deliveries
from webhooks.services.endpoints import update_endpoint
from webhooks.services.errors import DeliveryInProgress


def claim_now(limits=FAST, places=10_000, failing_places=10_000):
    with system_context(reason="tests"):
        return claim(places, failing_places, limits)


def record_now(*outcomes):
    with system_context(reason="tests"):
        return record(outcomes)


def test_410_switches_the_endpoint_off_and_tells_the_owners(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (410, {}, b"")
    make_customer(world.tenant())
    drain()

    emails.send_notices()
    emails.send_notices()

    row = fresh(endpoint)
    assert (row.enabled, row.disabled_reason) == (False, "gone")
    assert [each.status for each in deliveries_of(endpoint)] == ["canceled"]
    mine = [each for each in mail.outbox if world.owner.email in each.to]
    assert len(mine) == 1
    assert receiver.url in mine[0].body
    assert world.teammate.email not in mine[0].to


def test_a_mail_server_that_is_away_is_asked_again(world, receiver, monkeypatch):
    make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (410, {}, b"")
    make_customer(world.tenant())
    drain()

    with override_settings(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", EMAIL_PORT=1):
        assert emails.send_notices() == 0
    emails.send_notices()

    assert [each for each in mail.outbox if world.owner.email in each.to]


@pytest.mark.parametrize("value", ["abort", "Abort-Message"])
def test_a_receiver_can_stop_the_retries_of_one_delivery(world, receiver, value):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (500, {"Webhook-Delivery": value}, b"")
    make_customer(world.tenant())
    drain()

    [delivery] = deliveries_of(endpoint)
    assert (delivery.status, delivery.due_at) == ("canceled", None)
    assert fresh(endpoint).enabled


@pytest.mark.parametrize("status", [301, 302, 304, 400, 404, 429, 500, 503])
def test_only_2xx_is_success(world, receiver, status):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (status, {"Location": f"{receiver.url}/elsewhere"}, b"")
    make_customer(world.tenant())
    drain()

    assert [each.status for each in deliveries_of(endpoint)] == ["retrying"]
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_success(world, receiver, status):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (status, {}, b"")
    make_customer(world.tenant())
    drain()

    assert [each.status for each in deliveries_of(endpoint)] == ["succeeded"]


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120),
        ("999999", 36_000),
        (lambda: format_datetime(clock.now() + timedelta(minutes=10), usegmt=True), 600),
    ],
)
def test_retry_after_is_honoured_within_bounds(world, receiver, asked, seconds):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (429, {"Retry-After": asked() if callable(asked) else asked}, b"")
    make_customer(world.tenant())
    drain()

    [delivery] = deliveries_of(endpoint)
    [attempt] = attempts_of(delivery)
    wait = (delivery.due_at - attempt.created).total_seconds()
    assert seconds - 2 <= wait <= seconds * 1.2 + 5


def test_after_ten_attempts_it_is_over(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (500, {}, b"")
    make_customer(world.tenant())
    for _ in range(12):
        drain()
        make_due(endpoint)

    [delivery] = deliveries_of(endpoint)
    assert (delivery.status, delivery.attempts, len(receiver.received)) == ("exhausted", 10, 10)
    assert len({(got.id, got.body) for got in receiver.received}) == 1
    assert [each.number for each in attempts_of(delivery)] == list(range(1, 11))


def test_an_endpoint_without_success_for_five_days_is_switched_off(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (500, {}, b"")
    make_customer(world.tenant())
    drain()
    assert fresh(endpoint).failing_since is not None
    with tenant_context(world.tenant()):
        Endpoint.objects.filter(id=endpoint.id).update(
            failing_since=clock.now() - timedelta(days=5, minutes=1)
        )

    make_due(endpoint)
    drain()

    row = fresh(endpoint)
    assert (row.enabled, row.disabled_reason, row.notice_due) == (False, "failing", True)


def test_what_waits_for_a_switched_off_endpoint_goes_out_when_it_is_on_again(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (500, {}, b"")
    make_customer(world.tenant(), name="waits")
    drain()
    with tenant_context(world.tenant()):
        update_endpoint(endpoint=endpoint, actor=SYSTEM, enabled=False)
    make_customer(world.tenant(), name="while off")
    make_due(endpoint)
    drain()
    assert len(receiver.received) == 1

    receiver.answer = (200, {}, b"")
    with tenant_context(world.tenant()):
        update_endpoint(endpoint=endpoint, actor=SYSTEM, enabled=True)
    make_customer(world.tenant(), name="after")
    drain()

    assert {got.json["data"]["name"] for got in receiver.received[1:]} == {"waits", "after"}


def test_a_suspended_companys_deliveries_pause_and_resume(world, receiver):
    make_endpoint(world.tenant(), receiver.url)
    with system_context(reason="tests"):
        Company.objects.filter(id=world.company.id).update(suspended_at=clock.now())
    make_customer(world.tenant())
    drain()
    assert receiver.received == []

    with system_context(reason="tests"):
        Company.objects.filter(id=world.company.id).update(suspended_at=None)
    drain()

    assert len(receiver.received) == 1


def test_a_large_object_goes_as_a_thin_event_with_a_link(world, receiver):
    _, secret = make_endpoint(world.tenant(), receiver.url)
    metadata = {f"k{n}": "x" * 500 for n in range(50)}
    customer = make_customer(world.tenant(), metadata=metadata, address={"line1": "é" * 30_000})
    drain()

    payload = receiver.received[0].verify(secret)
    assert set(payload) == {"type", "timestamp", "data"}
    assert payload["data"]["id"] == customer.public_id
    assert payload["data"]["url"].startswith("http://testserver/v1/events/evt_")
    assert len(receiver.received[0].body) < 1000


def test_the_same_event_relayed_twice_is_delivered_once(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    drain()
    with tenant_context(world.tenant()):
        OutboxEvent.objects.update(relayed_at=None)
    drain()

    assert len(deliveries_of(endpoint)) == 1
    assert len(receiver.received) == 1


def test_an_event_waits_until_no_older_transaction_can_still_commit(world, receiver):
    """A slow commit may carry an older id: the relay must not go past it, nor a poller."""
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    relay_all()
    writing, release = threading.Event(), threading.Event()

    def slow_writer():
        with tenant_context(world.tenant()):
            make_customer(world.tenant(), name="first")
            writing.set()
            release.wait(90)
        connection.close()

    writer = threading.Thread(target=slow_writer)
    writer.start()
    assert writing.wait(90)
    make_customer(world.tenant(), name="second")

    before = relay.relay_events()
    made = deliveries_of(endpoint)
    release.set()
    writer.join()
    drain()

    assert (before.events, before.waiting, made) == (0, True, [])
    assert [got.json["data"]["name"] for got in receiver.received] == ["first", "second"]


def test_a_result_that_comes_after_the_lease_was_lost_is_not_recorded(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    [first] = [job for job in claim_now() if job.endpoint_id == endpoint.id]
    assert [job for job in claim_now() if job.endpoint_id == endpoint.id] == []
    make_due(endpoint)  # the lease runs out
    [second] = [job for job in claim_now() if job.endpoint_id == endpoint.id]

    record_now(Outcome(first, clock.now(), 5, status_code=500))
    [delivery] = deliveries_of(endpoint)
    assert (delivery.status, delivery.attempts, delivery.failures) == ("sending", 2, 0)
    record_now(Outcome(second, clock.now(), 5, status_code=200))

    [delivery] = deliveries_of(endpoint)
    assert (first.number, second.number, delivery.status) == (1, 2, "succeeded")
    assert [(each.number, each.status_code) for each in attempts_of(delivery)] == [(1, 500), (2, 200)]


def test_recording_the_same_batch_twice_changes_nothing(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    [job] = [job for job in claim_now() if job.endpoint_id == endpoint.id]
    outcome = Outcome(job, clock.now(), 5, status_code=500)

    record_now(outcome)
    record_now(outcome)

    [delivery] = deliveries_of(endpoint)
    assert (delivery.status, delivery.failures, len(attempts_of(delivery))) == ("retrying", 1, 1)
    with tenant_context(world.tenant()):
        [hour] = EndpointHour.objects.filter(endpoint=endpoint)
    assert (hour.succeeded, hour.failed, sum(hour.latency)) == (0, 1, 1)


def test_a_delivery_whose_claims_keep_getting_lost_is_given_up_in_the_end(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    for _ in range(31):
        make_due(endpoint)
        [job] = [job for job in claim_now() if job.endpoint_id == endpoint.id]
    record_now(Outcome(job, clock.now(), 5, error="timed_out"))

    assert [each.status for each in deliveries_of(endpoint)] == ["exhausted"]


def test_a_delivery_that_is_being_sent_is_not_resent(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    claim_now()

    with tenant_context(world.tenant()), pytest.raises(DeliveryInProgress):
        resend_deliveries(deliveries=list(Delivery.objects.filter(endpoint=endpoint)), actor=SYSTEM)


def test_claims_take_turns_between_companies_and_respect_the_limit_of_an_endpoint(receiver):
    relay_all()
    set_others_aside()
    busy, quiet = make_world(), make_world()
    for _ in range(3):
        make_endpoint(busy.tenant(), receiver.url)
    loud_endpoint, _ = make_endpoint(busy.tenant(), receiver.url)
    quiet_endpoint, _ = make_endpoint(quiet.tenant(), receiver.url)
    for _ in range(20):
        make_customer(busy.tenant())
    make_customer(quiet.tenant())
    relay_all()
    limits = Limits(per_endpoint=5)

    first = claim_now(limits, places=4)
    rest = claim_now(limits, places=1000)

    assert quiet_endpoint.id in {job.endpoint_id for job in first}
    together = [job for job in first + rest if job.endpoint_id == loud_endpoint.id]
    assert len(together) == 5
    for endpoint in (loud_endpoint, quiet_endpoint):
        make_due(endpoint)
    drain()


def test_failing_endpoints_hold_only_their_share_of_the_places(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    for _ in range(10):
        make_customer(world.tenant())
    relay_all()
    with tenant_context(world.tenant()):
        Endpoint.objects.filter(id=endpoint.id).update(failing_since=clock.now())

    none = [job for job in claim_now(failing_places=0) if job.endpoint_id == endpoint.id]
    some = [job for job in claim_now(Limits(per_failing_endpoint=4)) if job.endpoint_id == endpoint.id]

    assert (len(none), len(some)) == (0, 4)
    assert all(job.destination.failing for job in some)


def test_a_dead_endpoint_does_not_delay_another_companys_first_attempt(world, receiver):
    other = make_world()
    with Receiver() as dead:
        dead.delay = 60
        make_endpoint(world.tenant(), dead.url)
        make_endpoint(other.tenant(), receiver.url)
        for _ in range(50):
            make_customer(world.tenant())
        pump = Pump(Limits(connect_timeout=3.0, total_timeout=10.0, lease=20.0))
        running = threading.Thread(target=lambda: asyncio.run(pump.run()))
        running.start()
        try:
            deadline = time.monotonic() + 90
            while len(dead.received) < 4 and time.monotonic() < deadline:
                time.sleep(0.01)
            make_customer(other.tenant())
            pump.wake()
            while not receiver.received and time.monotonic() < deadline:
                time.sleep(0.01)
            sent_while_dead_hung = len(receiver.received)
        finally:
            pump.stop()
            running.join()

    assert sent_while_dead_hung == 1


def test_a_pump_that_is_stopped_records_what_it_has_in_hand(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.delay = 0.5
    make_customer(world.tenant())
    pump = Pump(Limits(lease=60))
    running = threading.Thread(target=lambda: asyncio.run(pump.run()))
    running.start()
    deadline = time.monotonic() + 90
    while not receiver.received and time.monotonic() < deadline:
        time.sleep(0.01)

    pump.stop()
    running.join(90)

    assert [each.status for each in deliveries_of(endpoint)] == ["succeeded"]


def test_attempts_are_counted_by_hour(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    drain()
    receiver.answer = (500, {"webhook-delivery": "abort"}, b"")  # a retry would count too
    make_customer(world.tenant())
    make_customer(world.tenant())
    drain()

    with tenant_context(world.tenant()):
        hours = list(EndpointHour.objects.filter(endpoint=endpoint))
    assert (sum(h.succeeded for h in hours), sum(h.failed for h in hours)) == (1, 2)
    assert sum(sum(h.latency) for h in hours) == 3


def test_what_is_older_than_a_month_is_removed_and_what_waits_is_kept(world, receiver, monkeypatch):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    drain()
    receiver.answer = (500, {}, b"")
    make_customer(world.tenant())
    drain()
    month = clock.now() + timedelta(days=31)

    retention.prune()
    kept_now = len(deliveries_of(endpoint))
    monkeypatch.setattr(retention.clock, "now", lambda: month)
    retention.prune()
    monkeypatch.undo()

    assert kept_now == 2
    [left] = deliveries_of(endpoint)
    assert left.status == "retrying"
    assert len(attempts_of(left)) == 1
    with tenant_context(world.tenant()):
        assert OutboxEvent.objects.filter(public=True).count() == 1


def test_the_relay_says_that_an_event_behind_an_open_transaction_still_waits(world):
    # given one event that is safe to take, and one that an older open transaction holds back
    relay_all()
    make_customer(world.tenant())
    with psycopg.connect(superuser_url()) as older:
        older.execute("SELECT pg_current_xact_id()")
        make_customer(world.tenant())
        # when
        first = relay.relay_events()
        # then
        assert first.waiting is True
    relay_all()
    assert relay.relay_events() == relay.RelayResult(events=0, deliveries=0, waiting=False)
