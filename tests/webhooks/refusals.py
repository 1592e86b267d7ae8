"""Triggers for the refusals of webhooks (see tests.contracts.refusals)."""

from datetime import timedelta

from billing import services as billing
from core import clock
from core.tenancy import tenant_context
from tests.contracts.refusing import Outcome, client_of, refusal
from tests.factories import SYSTEM, World
from tests.webhooks.samples import BODIES, make_delivery
from tests.webhooks.steps import make_endpoint
from webhooks.models import Delivery


@refusal
def endpoint_limit_reached(world: World) -> Outcome:
    billing.override_limits(
        company=world.company, overrides={"webhook_endpoints": 0}, reason="test", actor=SYSTEM
    )
    body = BODIES["POST /v1/webhook_endpoints"](world.tenant())
    return client_of(world).post("/v1/webhook_endpoints", body)


@refusal
def endpoint_disabled(world: World) -> Outcome:
    endpoint, _ = make_endpoint(world.tenant(), "https://example.com/hook", enabled=False)
    return client_of(world).post(f"/v1/webhook_endpoints/{endpoint.public_id}/test")


@refusal
def recovery_running(world: World) -> Outcome:
    endpoint, _ = make_endpoint(world.tenant(), "https://example.com/hook")
    client, path = client_of(world), f"/v1/webhook_endpoints/{endpoint.public_id}/recover"
    body = {"since": (clock.now() - timedelta(hours=1)).isoformat()}
    assert client.post(path, body).status < 300
    return client.post(path, body)


@refusal
def delivery_in_progress(world: World) -> Outcome:
    public_id = make_delivery(world.tenant())
    with tenant_context(world.tenant()):
        delivery = Delivery.by_public_id(public_id)
        Delivery.objects.filter(id=delivery.id).update(
            status=Delivery.Status.SENDING, due_at=clock.now() + timedelta(minutes=5), finished_at=None
        )
    return client_of(world).post(f"/v1/deliveries/{public_id}/resend")
