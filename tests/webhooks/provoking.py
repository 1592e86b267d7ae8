"""Triggers for events of webhook endpoints, over the API and on the dashboard."""

from typing import Any

from tests.audit.scene import Scene, Written, provokes
from tests.clients import ApiClient
from tests.factories import make_customer
from tests.webhooks.steps import deliveries_of, drain, make_endpoint, set_others_aside

SCOPES = (
    "webhooks:read",
    "webhooks:write",
    "customers:read",
    "invoices:read",
    "charges:read",
    "messaging:read",
    "audit:read",
)


def endpoint(scene: Scene, client: ApiClient) -> str:
    answer = client.post("/v1/webhook_endpoints", {"url": scene.receiver.url, "events": ["customer.*"]})
    assert answer.status == 201, answer
    return f"/v1/webhook_endpoints/{answer.json['id']}"


def done(answer: Any) -> None:
    assert 200 <= answer.status < 300, answer


@provokes("webhook_endpoint.created")
def created(scene: Scene) -> Written:
    endpoint(scene, scene.api(*SCOPES))
    return scene.by_key()


@provokes("webhook_endpoint.updated")
def updated(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    done(client.patch(endpoint(scene, client), {"description": "Orders"}))
    return scene.by_key()


@provokes("webhook_endpoint.disabled")
def disabled(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    done(client.patch(endpoint(scene, client), {"enabled": False}))
    return scene.by_key()


@provokes("webhook_endpoint.enabled")
def enabled(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    path = endpoint(scene, client)
    done(client.patch(path, {"enabled": False}))
    done(client.patch(path, {"enabled": True}))
    return scene.by_key()


@provokes("webhook_endpoint.deleted")
def deleted(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    done(client.delete(endpoint(scene, client)))
    return scene.by_key()


@provokes("webhook_endpoint.secret_rotated")
def secret_rotated(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    done(client.post(f"{endpoint(scene, client)}/rotate_secret", {"overlap": "none"}))
    return scene.by_key()


@provokes("webhook_endpoint.secret_revealed")
def secret_revealed(scene: Scene) -> Written:
    made, secret = make_endpoint(scene.world.tenant(), scene.receiver.url)
    shown = scene.owner.post(f"/webhooks/{made.public_id}/secret/")
    assert secret in shown.content.decode()
    return scene.by_owner()


@provokes("webhook_endpoint.tested")
def tested(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    done(client.post(f"{endpoint(scene, client)}/test"))
    return scene.by_key()


@provokes("webhook_endpoint.recovery_started")
def recovery_started(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    made, _ = make_endpoint(scene.world.tenant(), scene.receiver.url, events=["customer.*"])
    since = {"since": made.created.isoformat()}
    done(client.post(f"/v1/webhook_endpoints/{made.public_id}/recover", since))
    return scene.by_key()


@provokes("webhook_delivery.resent")
def resent(scene: Scene) -> Written:
    set_others_aside()
    made, _ = make_endpoint(scene.world.tenant(), scene.receiver.url, events=["customer.*"])
    make_customer(scene.world.tenant())
    drain()
    [delivery] = deliveries_of(made)
    client = scene.api(*SCOPES)
    done(client.post(f"/v1/deliveries/{delivery.public_id}/resend"))
    return scene.by_key()
