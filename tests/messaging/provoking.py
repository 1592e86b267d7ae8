"""Messages in test mode, whose addresses tell their own story; and the suppression list."""

from datetime import timedelta
from typing import Any

from core import clock
from core.clock import rfc3339
from messaging.tasks import send_due
from tests.audit.scene import Scene, Written, provokes

SCOPES = ("messaging:send", "messaging:read", "suppressions:write")


def send(scene: Scene, to: str, **fields: Any) -> str:
    body = {"channel": "email", "to": [to], "subject": "Hello", "text": "Hi", **fields}
    answer = scene.api(*SCOPES, mode="test").post("/v1/messages", body)
    assert answer.status == 201, answer
    return str(answer.json["id"])


def sent(scene: Scene, to: str) -> Written:
    send(scene, to)
    send_due()
    return scene.by_pomelo("messaging.sender")


@provokes("message.queued")
def queued(scene: Scene) -> Written:
    send(scene, "delivered@test.pomelo.dev")
    return scene.by_key()


@provokes("message.canceled")
def canceled(scene: Scene) -> Written:
    later = rfc3339(clock.now() + timedelta(days=1))
    client = scene.api(*SCOPES, mode="test")
    body = {"channel": "email", "to": ["a@example.com"], "subject": "Hello", "text": "Hi", "send_at": later}
    message = client.post("/v1/messages", body).json
    assert client.post(f"/v1/messages/{message['id']}/cancel").status == 200
    return scene.by_key()


@provokes("message.sent")
def message_sent(scene: Scene) -> Written:
    return sent(scene, "delivered@test.pomelo.dev")


@provokes("message.delivered")
def delivered(scene: Scene) -> Written:
    return sent(scene, "delivered@test.pomelo.dev")


@provokes("message.bounced")
def bounced(scene: Scene) -> Written:
    return sent(scene, "bounced@test.pomelo.dev")


@provokes("message.complained")
def complained(scene: Scene) -> Written:
    return sent(scene, "complained@test.pomelo.dev")


@provokes("message.failed")
def failed(scene: Scene) -> Written:
    return sent(scene, "failed@test.pomelo.dev")


@provokes("message.suppressed")
def suppressed(scene: Scene) -> Written:
    return sent(scene, "suppressed@test.pomelo.dev")


@provokes("suppression.created")
def suppression_created(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    body = {"channel": "email", "address": "ada@example.com"}
    assert client.post("/v1/suppressions", body).status == 201
    return scene.by_key()


@provokes("suppression.deleted")
def suppression_deleted(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    made = client.post("/v1/suppressions", {"channel": "email", "address": "ada@example.com"}).json
    assert client.delete(f"/v1/suppressions/{made['id']}").status == 204
    return scene.by_key()
