"""How to bring about what messaging refuses (see tests.contracts.refusals)."""

from billing import services as billing
from tests.contracts.refusing import Outcome, client_of, refusal
from tests.factories import SYSTEM, World
from tests.messaging.samples import BODIES, make_message


@refusal
def daily_cap_exceeded(world: World) -> Outcome:
    billing.override_limits(
        company=world.company, overrides={"email_per_day": 0}, reason="test", actor=SYSTEM
    )
    return client_of(world).post("/v1/messages", BODIES["POST /v1/messages"](world.tenant()))


@refusal
def message_not_cancelable(world: World) -> Outcome:
    client, path = client_of(world), f"/v1/messages/{make_message(world.tenant())}/cancel"
    assert client.post(path).status == 200
    return client.post(path)


@refusal
def already_suppressed(world: World) -> Outcome:
    client, body = client_of(world), {"channel": "email", "address": "ada@example.com"}
    assert client.post("/v1/suppressions", body).status == 201
    return client.post("/v1/suppressions", body)
