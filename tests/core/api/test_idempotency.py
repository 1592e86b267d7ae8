"""Idempotent writes over the API (docs/architecture.md, Idempotency): replays, mismatches, refusals, expiry."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apikeys.models import ApiKey
from apikeys.services import IssuedKey, rotate_key
from billing.models import Customer
from billing.services.errors import ExternalIdTaken
from core import clock
from core.api.idempotency import prune_expired
from core.models import IDEMPOTENCY_KEPT_FOR, IdempotencyRecord, OutboxEvent
from core.tasks import prune_idempotency_keys
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, make_customer, make_world, new_secret

SCOPES = ["customers:read", "customers:write"]
ADA = {"name": "Ada Lovelace", "email": "ada@example.com", "external_id": "ada-1"}


@pytest.fixture
def key(world: World, issue_key: Callable[..., IssuedKey]) -> IssuedKey:
    return issue_key(world.company, SCOPES)


@pytest.fixture
def client(api: Callable[..., ApiClient], key: IssuedKey) -> ApiClient:
    return api(key.client_secret)


def written(tenant: Any) -> Any:
    """How many customers, events and stored answers the tenant has."""
    with tenant_context(tenant):
        return (
            Customer.objects.count(),
            OutboxEvent.objects.filter(type__startswith="customer.").count(),
            IdempotencyRecord.objects.count(),
        )


def test_repeated_request_gets_the_stored_status_and_bytes(world: World, client: ApiClient) -> None:
    first = client.post("/v1/customers", ADA, idempotency_key="order-1")
    again = client.post("/v1/customers", ADA, idempotency_key="order-1")

    assert (first.status, again.status) == (201, 201)
    assert again.content == first.content
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert written(world.tenant()) == (1, 1, 1)


def test_replay_costs_a_token_and_is_marked(client: ApiClient) -> None:
    first = client.post("/v1/customers", ADA, idempotency_key="order-1")
    again = client.post("/v1/customers", ADA, idempotency_key="order-1")

    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in (first, again)]
    assert left == [59, 58]


def test_without_a_key_every_request_is_executed(world: World, client: ApiClient) -> None:
    body = {"name": "Ada Lovelace"}
    assert [client.post("/v1/customers", body).status for _ in range(2)] == [201, 201]
    assert written(world.tenant()) == (2, 2, 0)


def test_quoted_and_plain_idempotency_keys_are_equal(world: World, client: ApiClient) -> None:
    first = client.post("/v1/customers", ADA, idempotency_key='"8e03978e-40d5-43dd-bc93-6894a57f9324"')
    again = client.post("/v1/customers", ADA, idempotency_key="8e03978e-40d5-43dd-bc93-6894a57f9324")

    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert written(world.tenant()) == (1, 1, 1)


@pytest.mark.parametrize("sent", ["", '""', "x" * 256, "tab\there", "ümlaut", "bell\x07"])
def test_invalid_key_is_refused_before_anything_is_written(
    world: World, client: ApiClient, sent: str
) -> None:
    answer = client.post("/v1/customers", ADA, idempotency_key=sent)

    assert (answer.status, answer.code) == (400, "invalid_idempotency_key")
    assert written(world.tenant()) == (0, 0, 0)


def test_the_longest_key_is_accepted(world: World, client: ApiClient) -> None:
    assert client.post("/v1/customers", ADA, idempotency_key="x" * 255).status == 201
    assert written(world.tenant()) == (1, 1, 1)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/customers", {**ADA, "name": "Grace Hopper"}),
        ("POST", "/v1/customers?expand=no", ADA),
        ("POST", "/v1/customers", {**ADA, "metadata": {}}),
        ("POST", "/v1/customers", {}),
    ],
)
def test_the_same_key_for_another_request_is_refused(
    world: World, client: ApiClient, method: str, path: str, body: Any
) -> None:
    client.post("/v1/customers", ADA, idempotency_key="order-1")

    answer = client.request(method, path, body, idempotency_key="order-1")

    assert (answer.status, answer.code) == (422, "idempotency_key_reused")
    assert written(world.tenant()) == (1, 1, 1)


def test_the_same_key_on_another_path_or_method_is_refused_without_effect(
    world: World, client: ApiClient
) -> None:
    first = client.post("/v1/customers", ADA, idempotency_key="order-1")
    path = f"/v1/customers/{first.json['id']}"

    assert client.patch(path, ADA, idempotency_key="order-1").code == "idempotency_key_reused"
    assert client.delete(path, idempotency_key="order-1").code == "idempotency_key_reused"
    assert client.get(path).status == 200
    assert written(world.tenant()) == (1, 1, 1)


def test_equivalent_bodies_count_as_the_same_request(world: World, client: ApiClient) -> None:
    first = client.post("/v1/customers", raw=b'{"name":"Ada","external_id":"a"}', idempotency_key="k")
    again = client.post(
        "/v1/customers", raw=b'{ "external_id": "\\u0061", "name": "Ada" }', idempotency_key="k"
    )

    assert again.content == first.content
    assert written(world.tenant()) == (1, 1, 1)


def test_patch_and_delete_are_replayed_too(world: World, client: ApiClient) -> None:
    customer = make_customer(world.tenant())
    path = f"/v1/customers/{customer.public_id}"

    changed = [client.patch(path, {"name": "Grace"}, idempotency_key="p") for _ in range(2)]
    gone = [client.delete(path, idempotency_key="d") for _ in range(2)]

    assert changed[0].content == changed[1].content
    assert [answer.status for answer in gone] == [204, 204]
    assert gone[1].headers["Idempotency-Replayed"] == "true"
    assert client.delete(path).status == 404


def test_idempotency_key_belongs_to_the_company_and_survives_an_api_key_rotation(
    world: World, api: Callable[..., ApiClient], key: IssuedKey, client: ApiClient
) -> None:
    first = client.post("/v1/customers", ADA, idempotency_key="order-1")
    with tenant_context(world.tenant()):
        found = ApiKey.objects.get(id=key.key.id)
        rotated = rotate_key(key=found, overlap=timedelta(0), secret=new_secret(), actor=SYSTEM)

    again = api(rotated.client_secret).post("/v1/customers", ADA, idempotency_key="order-1")

    assert client.post("/v1/customers", ADA, idempotency_key="order-1").status == 401
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert written(world.tenant()) == (1, 1, 1)


def test_idempotency_keys_are_separate_per_company_and_mode(
    world: World, api: Callable[..., ApiClient], issue_key: Callable[..., IssuedKey], client: ApiClient
) -> None:
    first = client.post("/v1/customers", ADA, idempotency_key="order-1")
    foreign = api(issue_key(world.other_company, SCOPES).client_secret)
    in_test_mode = api(issue_key(world.company, SCOPES, mode="test").client_secret)

    for other in (foreign, in_test_mode):
        answer = other.post("/v1/customers", ADA, idempotency_key="order-1")
        assert answer.status == 201
        assert "Idempotency-Replayed" not in answer.headers
        assert answer.json["id"] != first.json["id"]
    assert written(world.tenant()) == (1, 1, 1)
    assert written(world.other_tenant()) == (1, 1, 1)
    assert written(world.tenant("test")) == (1, 1, 1)


def test_final_refusal_is_stored_and_its_writes_rolled_back(world: World, client: ApiClient) -> None:
    make_customer(world.tenant(), external_id="ada-1")
    before = written(world.tenant())

    refused = client.post("/v1/customers", ADA, idempotency_key="order-1")
    with tenant_context(world.tenant()):
        Customer.objects.update(external_id="ada-0")
    again = client.post("/v1/customers", ADA, idempotency_key="order-1")

    assert (refused.status, refused.code) == (409, "external_id_taken")
    assert again.content == refused.content
    assert again.headers["Content-Type"] == "application/problem+json"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert written(world.tenant()) == (before[0], before[1], 1)


def test_refusal_after_the_first_write_rolls_that_write_back(
    world: World, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish_and_refuse(*args: Any, **kwargs: Any) -> None:
        raise ExternalIdTaken("Refused after the row was written.")

    with monkeypatch.context() as patch:
        patch.setattr("billing.services.customers.publish", publish_and_refuse)
        answer = client.post("/v1/customers", ADA, idempotency_key="order-1")

    assert (answer.status, answer.code) == (409, "external_id_taken")
    assert written(world.tenant()) == (0, 0, 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [({"name": ""}, 400), ({**ADA, "nonsense": 1}, 400)],
)
def test_validation_error_is_not_stored_so_the_corrected_request_may_use_the_key(
    world: World, client: ApiClient, body: dict[str, Any], status: int
) -> None:
    assert client.post("/v1/customers", body, idempotency_key="order-1").status == status
    assert written(world.tenant()) == (0, 0, 0)
    assert client.post("/v1/customers", ADA, idempotency_key="order-1").status == 201


def test_server_error_is_not_stored_and_leaves_nothing(
    world: World, client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("billing.services.customers.publish", fail)
        failed = client.post("/v1/customers", ADA, idempotency_key="order-1")
    assert (failed.status, failed.code) == (500, "internal_error")
    assert b"bug" not in failed.content
    assert written(world.tenant()) == (0, 0, 0)

    assert client.post("/v1/customers", ADA, idempotency_key="order-1").status == 201
    assert written(world.tenant()) == (1, 1, 1)


def test_authentication_and_rate_limit_refusals_are_not_stored(
    api: Callable[..., ApiClient], issue_key: Callable[..., IssuedKey]
) -> None:
    world = make_world()
    reader = api(issue_key(world.company, ["customers:read"]).client_secret)
    assert reader.post("/v1/customers", ADA, idempotency_key="order-1").status == 403
    assert api().post("/v1/customers", ADA, idempotency_key="order-1").status == 401
    assert written(world.tenant()) == (0, 0, 0)


def test_idempotency_header_is_ignored_for_reads(world: World, client: ApiClient) -> None:
    make_customer(world.tenant())
    assert client.get("/v1/customers", idempotency_key="k").status == 200
    assert written(world.tenant())[2] == 0


def test_key_that_has_expired_is_free_again(world: World, client: ApiClient) -> None:
    first = client.post("/v1/customers", {"name": "Ada"}, idempotency_key="order-1")
    with tenant_context(world.tenant()):
        kept = IdempotencyRecord.objects.get(key="order-1")
        assert (
            IDEMPOTENCY_KEPT_FOR - timedelta(minutes=1) < kept.expires - clock.now() <= IDEMPOTENCY_KEPT_FOR
        )
        IdempotencyRecord.objects.update(expires=clock.now() - timedelta(seconds=1))

    again = client.post("/v1/customers", {"name": "Ada"}, idempotency_key="order-1")

    assert again.status == 201
    assert again.json["id"] != first.json["id"]
    assert "Idempotency-Replayed" not in again.headers
    assert written(world.tenant()) == (2, 2, 1)


def test_pruning_removes_what_has_expired_in_batches_and_nothing_else(
    world: World, client: ApiClient
) -> None:
    for number in range(5):
        client.post("/v1/customers", {"name": "Ada"}, idempotency_key=f"order-{number}")
    with tenant_context(world.tenant()):
        IdempotencyRecord.objects.exclude(key="order-4").update(expires=clock.now() - timedelta(days=30))

    # Other tests' answers may have expired too, none of them a month ago.
    assert prune_expired(now=clock.now() - timedelta(days=20), step=2) == 4
    prune_idempotency_keys()

    with tenant_context(world.tenant()):
        assert list(IdempotencyRecord.objects.values_list("key", flat=True)) == ["order-4"]


def test_pruning_is_scheduled() -> None:
    from config.celery import app

    assert "core.prune_idempotency_keys" in {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert "core.prune_idempotency_keys" in app.tasks


def test_stored_answers_cannot_be_read_in_the_database(world: World, client: ApiClient) -> None:
    client.post("/v1/customers", ADA, idempotency_key="order-1")
    with tenant_context(world.tenant()):
        body = bytes(IdempotencyRecord.objects.get(key="order-1").body)
    assert b"Lovelace" not in body
    assert b"customer" not in body


def test_integers_are_equal_however_they_are_written(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    client = api(issue_key(world.company, ["charges:write"]).client_secret)
    body = b'{"amount": %s, "currency": "EUR", "payment_method": "card_success"}'

    first = client.post("/v1/charges", raw=body % b"1999", idempotency_key="k")
    again = client.post("/v1/charges", raw=body % b"1999.0", idempotency_key="k")
    other = client.post("/v1/charges", raw=body % b"1998.0", idempotency_key="k")

    assert (first.status, again.status, again.content == first.content) == (201, 201, True)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
