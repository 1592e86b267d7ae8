"""A replay is authorized like the request it repeats, and never shows a secret again (docs/architecture.md, Idempotency)."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from core import clock
from core.models import IdempotencyRecord
from core.security import crypto
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import World
from webhooks.models import Endpoint

KEY = {"Idempotency-Key": "the same"}
EMAIL = {
    "channel": "email",
    "to": ["delivered@test.pomelo.dev"],
    "subject": "For one eye only",
    "text": "The secret text",
}
ENDPOINT = {"url": "https://receiver.example/hook", "events": ["invoice.paid"]}


@pytest.fixture
def client(world: World, issue_key: Any, api: Any) -> Any:
    """`client(*scopes)` is an integrator with a new key in test mode."""

    def connect(*scopes: str) -> ApiClient:
        return api(issue_key(world.company, scopes, mode="test").client_secret)

    return connect


def test_sms_key_cannot_replay_an_email_response(client: Any) -> None:
    assert client("email:send").post("/v1/messages", EMAIL, headers=KEY).status == 201
    answer = client("sms:send").post("/v1/messages", EMAIL, headers=KEY)
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert answer.json["error"]["required_scopes"] == ["messaging:send", "email:send"]
    assert "Idempotency-Replayed" not in answer.headers
    # and one that may send either does
    again = client("messaging:send").post("/v1/messages", EMAIL, headers=KEY)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.json["text"] == "The secret text"


def test_replayed_response_requires_the_scopes_of_the_first_request(client: Any) -> None:
    first = client("webhooks:write", "invoices:read").post("/v1/webhook_endpoints", ENDPOINT, headers=KEY)
    assert first.status == 201
    answer = client("webhooks:write").post("/v1/webhook_endpoints", ENDPOINT, headers=KEY)
    assert (answer.code, answer.json["error"]["required_scopes"]) == ("insufficient_scope", ["invoices:read"])


def test_replayed_refusal_requires_the_scopes_too(world: World, client: Any) -> None:
    """Whether a message can still be canceled is told to who may cancel it."""
    sender = client("email:send")
    moment = clock.rfc3339(clock.now() + timedelta(days=1))
    sent = sender.post("/v1/messages", {**EMAIL, "send_at": moment})
    path = f"/v1/messages/{sent.json['id']}/cancel"
    assert sender.post(path).status == 200
    assert sender.post(path, headers=KEY).code == "message_not_cancelable"
    assert client("sms:send").post(path, headers=KEY).code == "insufficient_scope"


def test_secret_is_shown_once_and_is_in_no_stored_answer(world: World, client: Any) -> None:
    owner = client("webhooks:write", "invoices:read")
    first = owner.post("/v1/webhook_endpoints", ENDPOINT, headers=KEY)
    secret = first.json["secret"]
    assert secret.startswith("whsec_")
    for caller in (owner, client("webhooks:write", "invoices:read")):
        again = caller.post("/v1/webhook_endpoints", ENDPOINT, headers=KEY)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json == {**first.json, "secret": None}
    path = f"/v1/webhook_endpoints/{first.json['id']}/rotate_secret"
    rotated = owner.post(path, {"overlap": "none"}, headers={"Idempotency-Key": "rotation"})
    again = owner.post(path, {"overlap": "none"}, headers={"Idempotency-Key": "rotation"})
    assert rotated.json["secret"].startswith("whsec_")
    assert (again.headers["Idempotency-Replayed"], again.json["secret"]) == ("true", None)
    with tenant_context(world.tenant("test")):
        assert Endpoint.objects.count() == 1
        bodies = [crypto.decrypt(bytes(row.body)) for row in IdempotencyRecord.objects.all()]
    assert len(bodies) == 2
    for body in bodies:
        assert b"whsec_" not in body
        assert orjson.loads(body)["secret"] is None


def test_response_is_replayed_only_while_the_key_keeps_its_scopes(
    world: World, issue_key: Any, api: Any
) -> None:
    issued = issue_key(world.company, ["webhooks:write", "invoices:read"], mode="test")
    caller = api(issued.client_secret)
    assert caller.post("/v1/webhook_endpoints", ENDPOINT, headers=KEY).status == 201
    from apikeys.services.editing import lock_key, save_change

    with tenant_context(world.tenant("test")):
        save_change(lock_key(issued.key.id), scopes=["webhooks:write"])
    assert caller.post("/v1/webhook_endpoints", ENDPOINT, headers=KEY).code == "insufficient_scope"
