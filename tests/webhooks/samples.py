"""Sample objects for the operations on endpoints, events and deliveries."""

from collections.abc import Callable
from datetime import timedelta

from core import clock
from core.models import OutboxEvent
from core.tenancy import Tenant, tenant_context
from tests.contracts.by_app import Body, no_body
from tests.factories import make_customer
from tests.webhooks.steps import make_endpoint
from webhooks.models import Delivery, EventBody

# Their objects carry those of other resources, which takes the scopes that read these.
CARRIERS = ("webhook_endpoints", "deliveries", "events")


def make_event(tenant: Tenant) -> OutboxEvent:
    """Return an event of the tenant: a customer was created."""
    customer = make_customer(tenant)
    with tenant_context(tenant):
        return OutboxEvent.objects.get(object_id=customer.public_id)


def make_delivery(tenant: Tenant) -> str:
    """Return the id of a delivery that was given up."""
    endpoint, _ = make_endpoint(tenant, "https://example.com/hook")
    event = make_event(tenant)
    with tenant_context(tenant):
        EventBody.objects.get_or_create(event=event, defaults={"body": b"{}"})
        return Delivery.objects.create(
            endpoint=endpoint,
            event=event,
            event_type=event.type,
            status=Delivery.Status.EXHAUSTED,
            finished_at=clock.now(),
        ).public_id


def _hour_ago() -> Body:
    return {"since": (clock.now() - timedelta(hours=1)).isoformat()}


OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "deliveries": make_delivery,
    "events": lambda tenant: make_event(tenant).public_id,
    "webhook_endpoints": lambda tenant: make_endpoint(tenant, "https://example.com/hook")[0].public_id,
}

BODIES: dict[str, Callable[[Tenant], Body]] = {
    "POST /v1/webhook_endpoints": lambda tenant: {
        "url": "https://example.com/hook",
        "events": ["customer.*"],
    },
    "PATCH /v1/webhook_endpoints/<str:id>": lambda tenant: {"description": "Orders"},
    "DELETE /v1/webhook_endpoints/<str:id>": no_body,
    "POST /v1/webhook_endpoints/<str:id>/rotate_secret": lambda tenant: {"overlap": "none"},
    "POST /v1/webhook_endpoints/<str:id>/test": no_body,
    "POST /v1/webhook_endpoints/<str:id>/recover": lambda tenant: _hour_ago(),
    "POST /v1/webhook_endpoints/<str:id>/replay_missing": lambda tenant: _hour_ago(),
    "POST /v1/deliveries/<str:id>/resend": no_body,
}
PAGE_OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "webhooks/deliveries/": OBJECTS["deliveries"],
    "webhooks/": OBJECTS["webhook_endpoints"],
}
