"""Steps common to the webhook tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from core import clock
from core.tenancy import Tenant, system_context, tenant_context
from tests.factories import SYSTEM
from webhooks import relay
from webhooks.delivery import pump
from webhooks.delivery.claim import claim
from webhooks.delivery.limits import Limits
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.services.endpoints import create_endpoint

# Long enough for a busy machine; a receiver that answers is not waited for.
FAST = Limits(connect_timeout=3.0, total_timeout=6.0, lease=12.0)


def make_endpoint(tenant: Tenant, url: str, **fields: Any) -> tuple[Endpoint, str]:
    with tenant_context(tenant):
        return create_endpoint(actor=SYSTEM, **{"url": url, "events": ["*"], **fields})


def deliveries_of(endpoint: Endpoint) -> list[Delivery]:
    with tenant_context(endpoint.tenant):
        return list(Delivery.objects.filter(endpoint=endpoint).order_by("id"))


def attempts_of(delivery: Delivery) -> list[Attempt]:
    with tenant_context(delivery.tenant):
        return list(Attempt.objects.filter(delivery=delivery).order_by("number"))


def fresh(endpoint: Endpoint) -> Endpoint:
    with tenant_context(endpoint.tenant):
        return Endpoint.objects.get(id=endpoint.id)


def make_due(endpoint: Endpoint) -> None:
    """Let the clock jump to the next attempt of everything that waits for one."""
    with tenant_context(endpoint.tenant):
        Delivery.objects.filter(endpoint=endpoint, due_at__isnull=False).update(
            due_at=clock.now() - timedelta(seconds=1)
        )


def relay_all() -> None:
    """Make the deliveries of every event, those that other tests left among them."""
    while relay.relay_events().waiting:
        pass


def set_others_aside() -> None:
    """Lease what other tests left due, so that it takes no turns in a test that counts them."""
    with system_context(reason="tests"):
        claim(100_000, 100_000, Limits(per_endpoint=100_000, per_failing_endpoint=100_000, lease=120))


def drain() -> None:
    pump.drain(FAST)
