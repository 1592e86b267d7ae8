"""Metrics of deliveries. Other tests' deliveries run in the same process, so only differences are compared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prometheus_client import REGISTRY

from core import clock
from core.tenancy import system_context, tenant_context
from tests.factories import World, make_customer
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import drain, make_endpoint, relay_all, set_others_aside
from webhooks.delivery import metrics
from webhooks.delivery.claim import claim
from webhooks.delivery.limits import Limits
from webhooks.delivery.outcome import AttemptOutcome
from webhooks.delivery.record import record
from webhooks.models import Delivery


def value(name: Any, **labels: Any) -> Any:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def attempts(outcome: Any) -> Any:
    return value("pomelo_webhook_attempts_total", outcome=outcome)


def test_delivery_attempts_are_counted_by_outcome(world: World, receiver: Receiver) -> None:
    relay_all()
    set_others_aside()
    make_endpoint(world.tenant(), receiver.url)
    make_endpoint(world.tenant(), "http://127.0.0.1:9/")
    before = [attempts(name) for name in ("succeeded", "refused", "connection_failed")]
    make_customer(world.tenant())
    drain()
    receiver.answer = (500, {"webhook-delivery": "abort"}, b"")
    make_customer(world.tenant())
    drain()

    after = [attempts(name) for name in ("succeeded", "refused", "connection_failed")]
    grown = [b - a for a, b in zip(before, after, strict=True)]
    assert grown[:2] == [1, 1]
    assert grown[2] >= 2  # and once more, when it is retried while the test still runs


def test_result_is_counted_once_and_a_late_one_separately(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    jobs = []
    for _ in range(2):
        with system_context(reason="tests"):
            jobs += [j for j in claim(10_000, 10_000, Limits()).jobs if j.endpoint_id == endpoint.id]
        with tenant_context(world.tenant()):
            Delivery.objects.filter(endpoint=endpoint).update(due_at=clock.now() - timedelta(seconds=1))
    before = attempts("timed_out"), value("pomelo_webhook_late_results_total")
    outcome = AttemptOutcome(jobs[0], clock.now(), 5, error="timed_out")

    for _ in range(2):
        with system_context(reason="tests"):
            record([outcome])

    assert len(jobs) == 2
    assert (attempts("timed_out"), value("pomelo_webhook_late_results_total")) == (
        before[0] + 1,
        before[1] + 1,
    )


def test_backlog_age_ignores_disabled_endpoints(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    with tenant_context(world.tenant()):
        Delivery.objects.filter(endpoint=endpoint).update(due_at=clock.now() - timedelta(days=400))

    metrics.measure_backlog()
    waiting = value("pomelo_webhook_due_age_seconds", endpoint="healthy")
    with tenant_context(world.tenant()):
        type(endpoint).objects.filter(id=endpoint.id).update(
            enabled=False, disabled_reason="manual", disabled_at=clock.now()
        )
    metrics.measure_backlog()

    assert waiting >= timedelta(days=400).total_seconds()
    assert value("pomelo_webhook_due_age_seconds", endpoint="healthy") < timedelta(days=399).total_seconds()
    assert value("pomelo_webhook_event_age_seconds") >= 0
