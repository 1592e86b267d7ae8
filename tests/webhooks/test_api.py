"""Webhooks over the API, through the whole pipeline."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apikeys.services import IssuedKey
from core import clock
from core.api.scopes import SCOPES
from core.clock import rfc3339
from tests.clients import ApiAnswer, ApiClient
from tests.factories import World, make_customer, make_key
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import deliveries_of, drain, fresh, make_due, make_endpoint, relay_all
from webhooks.models import Endpoint

# Endpoints subscribe to everything here, which takes the scopes that read it, those of an app from elsewhere too.
ALL = list(SCOPES)


@pytest.fixture
def client(world: World, api: Callable[..., ApiClient], issue_key: Callable[..., IssuedKey]) -> ApiClient:
    return api(issue_key(world.company, scopes=ALL).client_secret)


@pytest.fixture
def stranger(world: World, api: Callable[..., ApiClient], issue_key: Callable[..., IssuedKey]) -> ApiClient:
    return api(issue_key(world.other_company, scopes=ALL).client_secret)


def test_endpoint_created_by_the_api_gets_verifiable_events(
    world: World, client: ApiClient, receiver: Receiver
) -> None:
    made = client.post("/v1/webhook_endpoints", {"url": f"{receiver.url}/x", "events": ["customer.*"]})
    make_customer(world.tenant())
    drain()

    assert made.status == 201, made
    assert made.headers["Cache-Control"] == "no-store"
    assert {**made.json, "secret": "", "id": "", "created": "", "updated": ""} == {
        "id": "", "object": "webhook_endpoint", "mode": "live", "url": f"{receiver.url}/x", "description": "",
        "events": ["customer.*"], "api_version": "2026-11-01", "headers": {}, "enabled": True, "disabled_reason": None, "created": "", "updated": "",
        "secret": "",
    }  # fmt: skip
    [got] = receiver.received
    got.verify(made.json["secret"])
    read = client.get(f"/v1/webhook_endpoints/{made.json['id']}")
    assert "secret" not in read.json
    [listed] = client.get("/v1/webhook_endpoints").json["data"]
    assert listed == read.json


def test_idempotency_key_creates_one_endpoint_and_shows_its_secret_once(
    client: ApiClient, receiver: Receiver
) -> None:
    body = {"url": receiver.url, "events": ["*"]}

    first = client.post("/v1/webhook_endpoints", body, idempotency_key="k1")
    second = client.post("/v1/webhook_endpoints", body, idempotency_key="k1")

    assert second.json == {**first.json, "secret": None}
    assert len(client.get("/v1/webhook_endpoints").json["data"]) == 1


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"url": "https://127.0.0.1.nip.io@10.0.0.1/"}, "url", "url_credentials"),
        ({"url": "https://169.254.169.254/"}, "url", "url_not_public"),
        ({"url": "https://8.8.8.8:22/"}, "url", "url_port"),
        ({"url": "https://exa mple.com/"}, "url", "url_invalid"),
        ({"url": 5}, "url", "wrong_type"),
        ({"events": []}, "events", None),
        ({"events": ["customer.*", "nope"]}, "events.1", "unknown_event"),
        ({"events": "customer.*"}, "events", None),
        ({"headers": {"Host": "x"}}, "headers.Host", "reserved"),
        ({"headers": {"Webhook-Id": "x"}}, "headers.Webhook-Id", "reserved"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "headers.X-A", "invalid"),
        ({"headers": {"X A": "a"}}, "headers.X A", "invalid"),
        ({"headers": {"X-A": "é"}}, "headers.X-A", "invalid"),
        ({"headers": {f"X-{n}": "1" for n in range(11)}}, "headers", "too_many"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "headers", "repeated"),
        ({"company": "co_x"}, "company", "unknown_field"),
        ({"secret": "whsec_x"}, "secret", "unknown_field"),
    ],
)
def test_invalid_fields_are_named(
    client: ApiClient, body: dict[str, Any], field: str, code: str | None
) -> None:
    refused = client.post("/v1/webhook_endpoints", {"url": "https://example.com/h", "events": ["*"], **body})

    assert (refused.status, refused.code) == (400, "validation_failed")
    named = {each["field"]: each["code"] for each in refused.json["error"]["fields"]}
    assert field in named
    assert code is None or named[field] == code
    assert client.get("/v1/webhook_endpoints").json["data"] == []


def test_scopes_are_required(
    world: World, api: Callable[..., ApiClient], issue_key: Callable[..., IssuedKey], receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    reader = api(issue_key(world.company, scopes=["webhooks:read"]).client_secret)
    customers = api(issue_key(world.company, scopes=["customers:read"]).client_secret)

    refused = reader.patch(f"/v1/webhook_endpoints/{endpoint.public_id}", {"enabled": False})
    assert (refused.status, refused.code) == (403, "insufficient_scope")
    assert refused.json["error"]["required_scopes"] == ["webhooks:write"]
    assert fresh(endpoint).enabled
    for path in ("/v1/webhook_endpoints", "/v1/deliveries", "/v1/events"):
        assert customers.get(path).code == "insufficient_scope"


def test_endpoint_update_is_partial_and_can_disable(
    world: World, client: ApiClient, receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url, description="before")
    path = f"/v1/webhook_endpoints/{endpoint.public_id}"

    off = client.patch(path, {"enabled": False})
    on = client.patch(path, {"enabled": True, "events": ["invoice.*"], "headers": {"X-A": "1"}})

    assert (off.json["enabled"], off.json["disabled_reason"], off.json["description"]) == (
        False,
        "manual",
        "before",
    )
    assert (on.json["enabled"], on.json["disabled_reason"]) == (True, None)
    assert (on.json["events"], on.json["headers"], on.json["url"]) == (
        ["invoice.*"],
        {"X-A": "[hidden]"},
        endpoint.url,
    )


def test_rotation_with_overlap_signs_with_both_and_without_ends_the_old_one(
    world: World, client: ApiClient, receiver: Receiver
) -> None:
    endpoint, first = make_endpoint(world.tenant(), receiver.url)
    path = f"/v1/webhook_endpoints/{endpoint.public_id}/rotate_secret"

    second = client.post(path, {"overlap": "24h"}).json["secret"]
    make_customer(world.tenant())
    drain()
    third = client.post(path, {"overlap": "none"}).json["secret"]
    make_customer(world.tenant())
    drain()

    both, alone = receiver.received
    both.verify(first)
    both.verify(second)
    alone.verify(third)
    assert len(both.headers["webhook-signature"].split()) == 2
    assert len(alone.headers["webhook-signature"].split()) == 1
    assert client.post(path, {"overlap": "9y"}).code == "validation_failed"


def test_test_event_goes_only_to_its_endpoint_and_is_not_public(
    world: World, client: ApiClient, receiver: Receiver
) -> None:
    endpoint, secret = make_endpoint(world.tenant(), f"{receiver.url}/a", events=["invoice.paid"])
    make_endpoint(world.tenant(), f"{receiver.url}/b")

    sent = client.post(f"/v1/webhook_endpoints/{endpoint.public_id}/test")
    drain()

    [got] = receiver.received
    assert (sent.status, got.path) == (202, "/a")
    assert got.verify(secret)["data"]["object"]["object"] == "webhook_test"
    read = client.get(f"/v1/deliveries/{sent.json['id']}").json
    assert (read["status"], [a["status_code"] for a in read["attempts"]]) == ("succeeded", [200])
    types = {each["type"] for each in client.get("/v1/events").json["data"]}
    assert types == {"api_key.created"}


def test_example_events_are_sent_in_test_mode_only(world: World, receiver: Receiver) -> None:
    endpoint, secret = make_endpoint(world.tenant("test"), receiver.url, events=["customer.*"])
    in_live_mode, _ = make_endpoint(world.tenant("live"), receiver.url, events=["customer.*"])

    def ask(endpoint: Endpoint, event: str) -> ApiAnswer:
        key = make_key(world.company, ["webhooks:read", "webhooks:write"], endpoint.mode)
        return ApiClient(key.client_secret).post(
            f"/v1/webhook_endpoints/{endpoint.public_id}/test", {"event": event}
        )

    sent, unknown = ask(endpoint, "invoice.paid"), ask(endpoint, "invoice.eaten")
    live = ask(in_live_mode, "invoice.paid")
    drain()

    assert sent.status == 202
    assert [(one.code, one.json["error"]["fields"][0]["code"]) for one in (unknown, live)] == [
        ("validation_failed", "unknown_event"),
        ("validation_failed", "only_in_test_mode"),
    ]
    [got] = receiver.received
    event = got.verify(secret)
    assert (event["type"], event["mode"], event["data"]["object"]["object"]) == (
        "invoice.paid",
        "test",
        "invoice",
    )


def test_deliveries_are_filtered_and_resent(world: World, client: ApiClient, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    other, _ = make_endpoint(world.tenant(), receiver.url, events=["invoice.*"])
    receiver.answer = (500, {}, b"")
    make_customer(world.tenant())
    drain()
    receiver.answer = (200, {}, b"")

    def ids(query: Any) -> Any:
        return [each["id"] for each in client.get(f"/v1/deliveries?{query}").json["data"]]

    [mine] = ids("")
    assert ids(f"endpoint={endpoint.public_id}&event_type=customer.created&status=retrying") == [mine]
    assert (
        ids(f"endpoint={other.public_id}")
        == ids("status=succeeded")
        == ids("event_type=invoice.created,charge.failed")
        == []
    )
    assert ids("endpoint=we_nonsense") == []
    assert client.get("/v1/deliveries?color=red").code == "validation_failed"
    again = client.post(f"/v1/deliveries/{mine}/resend")
    drain()
    assert again.status == 202
    read = client.get(f"/v1/deliveries/{mine}").json
    assert (read["status"], [a["trigger"] for a in read["attempts"]]) == (
        "succeeded",
        ["scheduled", "manual"],
    )


def test_nothing_is_resent_or_tested_while_the_endpoint_is_off(
    world: World, client: ApiClient, receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    drain()
    [delivery] = deliveries_of(endpoint)
    client.patch(f"/v1/webhook_endpoints/{endpoint.public_id}", {"enabled": False})

    since = {"since": rfc3339(clock.now() - timedelta(hours=1))}
    for path, body in (
        (f"/v1/deliveries/{delivery.public_id}/resend", None),
        (f"/v1/webhook_endpoints/{endpoint.public_id}/test", None),
        (f"/v1/webhook_endpoints/{endpoint.public_id}/recover", since),
    ):
        assert client.post(path, body).code == "endpoint_disabled"
    drain()
    assert len(receiver.received) == 1


def test_events_can_be_polled_without_missing_one(world: World, client: ApiClient) -> None:
    names = [make_customer(world.tenant(), name=f"C{n}").name for n in range(5)]
    make_customer(world.tenant("test"))
    make_customer(world.other_tenant())
    relay_all()

    [key_made] = client.get("/v1/events?type=api_key.created").json["data"]
    seen, cursor = [], key_made["id"]
    while True:
        page = client.get("/v1/events?order=oldest_first&limit=2" + f"&starting_after={cursor}").json
        seen += [each["data"]["object"]["name"] for each in page["data"]]
        if not page["data"]:
            break
        cursor = page["data"][-1]["id"]
    newest = client.get("/v1/events?limit=3").json

    assert seen == names
    assert [each["data"]["object"]["name"] for each in newest["data"]] == names[:1:-1]
    assert newest["next_cursor"] == newest["data"][-1]["id"]
    rest = client.get(f"/v1/events?starting_after={newest['next_cursor']}").json
    assert [each["data"]["object"]["name"] for each in rest["data"]] == [
        *names[1::-1],
        key_made["data"]["object"]["name"],
    ]
    first = newest["data"][0]
    assert client.get(f"/v1/events/{first['id']}").json == first
    assert client.get("/v1/events?starting_after=evt_nope").code == "validation_failed"
    assert client.get("/v1/events?type=customer.deleted").json["data"] == []


def test_other_companies_find_nothing(
    world: World, client: ApiClient, stranger: ApiClient, receiver: Receiver
) -> None:
    endpoint, secret = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    drain()
    [delivery] = deliveries_of(endpoint)
    event = client.get("/v1/events?type=customer.created").json["data"][0]["id"]
    body = {"since": rfc3339(clock.now() - timedelta(hours=1))}
    one = f"/v1/webhook_endpoints/{endpoint.public_id}"

    answers = [
        stranger.get(one), stranger.patch(one, {"enabled": False}), stranger.delete(one),
        stranger.post(f"{one}/rotate_secret"), stranger.post(f"{one}/test"), stranger.post(f"{one}/recover", body),
        stranger.post(f"{one}/replay_missing", body), stranger.get(f"{one}/recoveries"),
        stranger.get(f"/v1/deliveries/{delivery.public_id}"), stranger.post(f"/v1/deliveries/{delivery.public_id}/resend"),
        stranger.get(f"/v1/events/{event}"),
    ]  # fmt: skip
    lists = [
        stranger.get(f"/v1/{name}")
        for name in ("webhook_endpoints", "deliveries", "events?type=customer.created")
    ]

    assert {(each.status, each.code) for each in answers} == {(404, "not_found")}
    assert all(each.json["data"] == [] for each in lists)
    assert stranger.get(f"/v1/deliveries?endpoint={endpoint.public_id}").json["data"] == []
    assert stranger.get(f"/v1/events?starting_after={event}").code == "validation_failed"
    drain()
    make_customer(world.tenant())
    drain()
    assert len(receiver.received) == 2
    receiver.received[1].verify(secret)


def test_recover_resends_permanently_failed_deliveries(
    world: World, client: ApiClient, receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (400, {"Webhook-Delivery": "abort"}, b"")
    for _ in range(3):
        make_customer(world.tenant())
    drain()
    assert {each.status for each in deliveries_of(endpoint)} == {"canceled"}
    receiver.answer = (200, {}, b"")
    receiver.received.clear()

    started = client.post(
        f"/v1/webhook_endpoints/{endpoint.public_id}/recover",
        {"since": rfc3339(clock.now() - timedelta(hours=1))},
    )
    drain()

    assert (started.status, started.json["total"]) == (202, 3)
    assert len({each.id for each in receiver.received}) == 3
    [job] = client.get(f"/v1/webhook_endpoints/{endpoint.public_id}/recoveries").json["data"]
    assert (job["status"], job["examined"], job["queued"]) == ("done", 3, 3)


def test_replay_missing_sends_earlier_events_to_a_new_endpoint(
    world: World, client: ApiClient, receiver: Receiver
) -> None:
    for n in range(3):
        make_customer(world.tenant(), name=f"C{n}")
    make_customer(world.other_tenant())
    make_customer(world.tenant("test"))
    drain()
    endpoint, secret = make_endpoint(world.tenant(), receiver.url, events=["customer.*"])
    make_customer(world.tenant(), name="C3")
    drain()

    client.post(
        f"/v1/webhook_endpoints/{endpoint.public_id}/replay_missing",
        {"since": rfc3339(clock.now() - timedelta(hours=1))},
    )
    drain()

    assert sorted(got.verify(secret)["data"]["object"]["name"] for got in receiver.received) == [
        "C0",
        "C1",
        "C2",
        "C3",
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"since": "yesterday"},
        {"since": "2020-01-01T00:00:00Z"},
        {"since": "2999-01-01T00:00:00Z"},
        {"since": "0001-01-01T00:00:00Z"},
        {"since": "9999-12-31T23:59:59Z"},
    ],
)
def test_invalid_period_is_refused(
    world: World, client: ApiClient, receiver: Receiver, body: dict[str, Any]
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)

    refused = client.post(f"/v1/webhook_endpoints/{endpoint.public_id}/recover", body)

    assert (refused.status, refused.code) == (400, "validation_failed")
    assert client.get(f"/v1/webhook_endpoints/{endpoint.public_id}/recoveries").json["data"] == []


def test_deleting_an_endpoint_cancels_pending_deliveries(
    world: World, client: ApiClient, receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (500, {}, b"")
    make_customer(world.tenant())
    drain()

    assert client.delete(f"/v1/webhook_endpoints/{endpoint.public_id}").status == 204
    make_due(endpoint)
    drain()

    assert len(receiver.received) == 1
    [delivery] = deliveries_of(endpoint)
    assert delivery.status == "canceled"
    assert client.get(f"/v1/webhook_endpoints/{endpoint.public_id}").status == 404
    assert client.get(f"/v1/deliveries/{delivery.public_id}").json["status"] == "canceled"
