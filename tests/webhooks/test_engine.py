"""The delivery engine: every kind of response, and endpoints that keep failing or are disabled."""

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from django.core import mail

from accounts.models import Company
from core import clock
from core.models import OutboxEvent
from core.tenancy import system_context, tenant_context
from tests.factories import SYSTEM, World, make_customer
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import (
    attempts_of,
    deliveries_of,
    drain,
    fresh,
    make_due,
    make_endpoint,
)
from webhooks import emails, retention
from webhooks.models import Endpoint, EndpointHour
from webhooks.retry import CLOCK
from webhooks.services.endpoints import update_endpoint


def test_status_410_disables_the_endpoint_and_notifies_its_owners(world: World, receiver: Receiver) -> None:
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


@pytest.mark.parametrize("value", ["abort", "Abort-Message"])
def test_receiver_can_stop_the_retries_of_one_delivery(world: World, receiver: Receiver, value: str) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (500, {"Webhook-Delivery": value}, b"")
    make_customer(world.tenant())
    drain()

    [delivery] = deliveries_of(endpoint)
    assert (delivery.status, delivery.due_at) == ("canceled", None)
    assert fresh(endpoint).enabled


@pytest.mark.parametrize("status", [301, 302, 304, 400, 404, 429, 500, 503])
def test_only_2xx_is_success(world: World, receiver: Receiver, status: int) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (status, {"Location": f"{receiver.url}/elsewhere"}, b"")
    make_customer(world.tenant())
    drain()

    assert [each.status for each in deliveries_of(endpoint)] == ["retrying"]
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_success(world: World, receiver: Receiver, status: int) -> None:
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
def test_retry_after_is_honoured_within_bounds(
    world: World, receiver: Receiver, asked: Any, seconds: int
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (429, {"Retry-After": asked() if callable(asked) else asked}, b"")
    make_customer(world.tenant())
    drain()

    [delivery] = deliveries_of(endpoint)
    [attempt] = attempts_of(delivery)
    wait = (delivery.due_at - attempt.created).total_seconds()
    assert seconds - 2 <= wait <= seconds * 1.2 + 5


def test_delivery_fails_after_the_last_attempt(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (500, {}, b"")
    make_customer(world.tenant())
    for _ in range(CLOCK.attempts + 2):
        drain()
        make_due(endpoint)

    [delivery] = deliveries_of(endpoint)
    assert delivery.status == "exhausted"
    assert delivery.attempts == len(receiver.received) == CLOCK.attempts
    assert len({(got.id, got.body) for got in receiver.received}) == 1
    assert [each.number for each in attempts_of(delivery)] == list(range(1, CLOCK.attempts + 1))


def test_endpoint_without_success_for_five_days_is_disabled(world: World, receiver: Receiver) -> None:
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


def test_pending_deliveries_are_sent_when_the_endpoint_is_enabled_again(
    world: World, receiver: Receiver
) -> None:
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

    assert {got.json["data"]["object"]["name"] for got in receiver.received[1:]} == {"waits", "after"}


def test_deliveries_of_a_suspended_company_pause_and_resume(world: World, receiver: Receiver) -> None:
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


def test_large_object_is_sent_as_a_thin_event_with_a_link(world: World, receiver: Receiver) -> None:
    _, secret = make_endpoint(world.tenant(), receiver.url)
    metadata = {f"k{n}": "x" * 500 for n in range(50)}
    customer = make_customer(world.tenant(), metadata=metadata, address={"line1": "é" * 30_000})
    drain()

    payload = receiver.received[0].verify(secret)
    assert payload["data"]["object"] == {"id": customer.public_id, "object": "customer"}
    assert payload["data"]["thin"] is True
    assert payload["data"]["url"].startswith("http://testserver/v1/events/evt_")
    assert len(receiver.received[0].body) < 1000


def test_attempts_are_counted_by_hour(world: World, receiver: Receiver) -> None:
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


def test_deliveries_older_than_a_month_are_deleted_unless_pending(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
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
