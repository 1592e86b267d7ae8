"""A leaked key with few scopes cannot gain more: no response exceeds its scopes, and nothing it created outlives it unnoticed."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apikeys.models import ApiKey
from audit.models import AuditEntry
from billing.services import update_customer
from core import clock
from core.models import IdempotencyRecord, OutboxEvent
from core.security.made_by import traces
from core.security.reach import READ_SCOPES, read_scope_of
from core.tenancy import tenant_context
from messaging.models import Message
from tests.clients import sign_in
from tests.factories import SYSTEM, World, make_customer
from tests.webhooks.steps import deliveries_of, make_endpoint, relay_all
from webhooks.catalogue import CATALOGUE
from webhooks.models import Delivery, Endpoint, RecoveryJob

URL = "https://attacker.example/hook"
WEBHOOKS = ["webhooks:read", "webhooks:write", "events:read"]


@pytest.fixture
def narrow(world: World, issue_key: Any, api: Any) -> Any:
    """A client whose key manages webhooks, and reads invoices."""
    return api(issue_key(world.company, [*WEBHOOKS, "invoices:read"]).client_secret)


def endpoints(world: World) -> list[Endpoint]:
    with tenant_context(world.tenant()):
        return list(Endpoint.objects.all())


def test_every_public_event_has_a_scope_that_reads_it() -> None:
    assert {kind: read_scope_of(kind) for kind in CATALOGUE}.keys() == CATALOGUE.keys()
    assert READ_SCOPES["customer"] == "customers:read"
    assert READ_SCOPES["refund"] == "charges:read"
    assert READ_SCOPES["message"] == "messaging:read"
    assert READ_SCOPES["api_key"] == "audit:read"


@pytest.mark.parametrize(
    "events", [["*"], ["customer.*"], ["customer.created"], ["invoice.*", "message.sent"]]
)
def test_key_can_only_subscribe_to_events_it_may_read(world: World, narrow: Any, events: list[str]) -> None:
    answer = narrow.post("/v1/webhook_endpoints", {"url": URL, "events": events})
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert set(answer.json["error"]["required_scopes"]) & {"customers:read", "messaging:read"}
    assert endpoints(world) == []
    assert narrow.post("/v1/webhook_endpoints", {"url": URL, "events": ["invoice.*"]}).status == 201


@pytest.mark.parametrize(
    "change",
    [
        {"url": URL},
        {"events": ["invoice.*", "customer.deleted"]},
        {"headers": {"Authorization": "mine"}},
    ],
)
def test_key_cannot_take_over_an_endpoint_with_wider_scopes(
    world: World, narrow: Any, change: dict[str, Any]
) -> None:
    row, _ = make_endpoint(world.tenant(), "https://honest.example/hook")
    answer = narrow.patch(f"/v1/webhook_endpoints/{row.public_id}", change)
    assert answer.code == "insufficient_scope"
    [kept] = endpoints(world)
    assert (kept.url, kept.events, kept.changed_by) == ("https://honest.example/hook", ["*"], "tests")


def test_key_cannot_enable_an_endpoint_with_events_it_may_not_read(world: World, narrow: Any) -> None:
    row, _ = make_endpoint(world.tenant(), URL, enabled=False)
    answer = narrow.patch(f"/v1/webhook_endpoints/{row.public_id}", {"enabled": True})
    assert answer.code == "insufficient_scope"
    # Switching off, and describing, send nothing anywhere.
    assert narrow.patch(f"/v1/webhook_endpoints/{row.public_id}", {"description": "mine"}).status == 200


@pytest.mark.parametrize("path", ["recover", "replay_missing"])
def test_key_cannot_replay_events_it_may_not_read(world: World, narrow: Any, path: str) -> None:
    row, _ = make_endpoint(world.tenant(), "https://honest.example/hook")
    since = clock.rfc3339(clock.now() - timedelta(days=29))
    answer = narrow.post(f"/v1/webhook_endpoints/{row.public_id}/{path}", {"since": since})
    assert answer.code == "insufficient_scope"
    with tenant_context(world.tenant()):
        assert not RecoveryJob.objects.exists()


def test_events_and_deliveries_are_limited_to_what_the_key_may_read(
    world: World, narrow: Any, api: Any, issue_key: Any
) -> None:
    row, _ = make_endpoint(world.tenant(), "https://honest.example/hook")
    make_customer(world.tenant(), name="Secret Person")
    relay_all()
    [delivery] = deliveries_of(row)
    with tenant_context(world.tenant()):
        event = OutboxEvent.objects.get(type="customer.created")
    for path, object_path in (
        ("/v1/events", f"/v1/events/{event.public_id}"),
        ("/v1/deliveries", f"/v1/deliveries/{delivery.public_id}"),
    ):
        assert narrow.get(path).json["data"] == []
        refused = narrow.get(object_path)
        assert (refused.code, refused.json["error"]["required_scopes"]) == (
            "insufficient_scope",
            ["customers:read"],
        )
    assert narrow.post(f"/v1/deliveries/{delivery.public_id}/resend").code == "insufficient_scope"
    with tenant_context(world.tenant()):
        assert Delivery.objects.get(id=delivery.id).manual is False
    # and a key that reads customers sees all of it
    wide = api(issue_key(world.company, [*WEBHOOKS, "customers:read"]).client_secret)
    assert [found["id"] for found in wide.get("/v1/events").json["data"]] == [event.public_id]
    assert [found["id"] for found in wide.get("/v1/deliveries").json["data"]] == [delivery.public_id]
    assert wide.get(f"/v1/events/{event.public_id}").json["data"]["object"]["name"] == "Secret Person"


def test_audit_trail_hides_changed_values_from_a_key_without_the_scope(
    world: World, api: Any, issue_key: Any
) -> None:
    customer = make_customer(world.tenant(), name="Before")
    with tenant_context(world.tenant()):
        update_customer(customer=customer, actor=SYSTEM, name="Secret Person")
        assert AuditEntry.objects.filter(action="customer.updated").exists()
    query = "/v1/audit_entries?action=customer.updated"
    [entry] = api(issue_key(world.company, ["audit:read"]).client_secret).get(query).json["data"]
    assert entry["changes"] == {"name": [None, None]}
    both = api(issue_key(world.company, ["audit:read", "customers:read"]).client_secret)
    [entry] = both.get(query).json["data"]
    assert entry["changes"] == {"name": ["Before", "Secret Person"]}


# --- what outlives the key ----------------------------------------------------------------------------------------------


@pytest.fixture
def leaked(world: World, issue_key: Any, api: Any) -> Any:
    """A key that made an endpoint, turned another one, scheduled a message, and has an answer kept."""
    issued = issue_key(
        world.company, [*WEBHOOKS, "invoices:read", "messaging:send", "customers:write"], mode="test"
    )
    client = api(issued.client_secret)
    turned, _ = make_endpoint(world.tenant("test"), "https://honest.example/hook", events=["invoice.paid"])
    kept, _ = make_endpoint(world.tenant("test"), "https://other.example/hook", events=["invoice.paid"])
    assert client.post("/v1/webhook_endpoints", {"url": URL, "events": ["invoice.*"]}).status == 201
    assert client.patch(f"/v1/webhook_endpoints/{turned.public_id}", {"url": URL}).status == 200
    message = {
        "channel": "email",
        "to": ["delivered@test.pomelo.dev"],
        "subject": "Hello",
        "text": "Hello",
        "send_at": clock.rfc3339(clock.now() + timedelta(days=2)),
    }
    assert client.post("/v1/messages", message).status == 201
    named = client.post("/v1/customers", {"name": "Ada"}, headers={"Idempotency-Key": "first"})
    assert named.status == 201
    return issued, kept


def state(world: World) -> tuple[list[str], list[str], list[str]]:
    with tenant_context(world.tenant("test")):
        return (
            sorted(row.url for row in Endpoint.objects.filter(enabled=True)),
            [row.status for row in Message.objects.all()],
            [row.key for row in IdempotencyRecord.objects.all()],
        )


def browser_in_test_mode(world: World) -> Any:
    browser = sign_in(world.owner, world.company)
    browser.post("/mode/", {"mode": "test", "next": "/keys/"})
    return browser


def test_the_key_page_lists_an_extensions_objects(world: World, leaked: Any) -> None:
    issued, _ = leaked
    page = browser_in_test_mode(world).get(f"/keys/{issued.client_id}/").content.decode()
    for words in ("Webhook endpoints it made or changed", URL, "Messages it has scheduled", ">first<"):
        assert words in page


def test_revoking_as_leaked_disables_what_the_key_created(world: World, leaked: Any) -> None:
    issued, _ = leaked
    assert state(world) == ([URL, URL, "https://other.example/hook"], ["scheduled"], ["first"])
    browser = browser_in_test_mode(world)
    answer = browser.post(f"/keys/{issued.client_id}/revoke/", {"leaked": "on", "since": "created"})
    assert answer.status_code == 302
    assert state(world) == (["https://other.example/hook"], ["canceled"], [])
    with tenant_context(world.tenant("test")):
        disabled = AuditEntry.objects.filter(action="webhook_endpoint.disabled")
        assert {entry.actor_id for entry in disabled} == {world.owner.public_id}
        assert disabled.count() == 2
    browser.post(f"/keys/{issued.client_id}/undo/")
    with tenant_context(world.tenant("test")):
        assert ApiKey.objects.get(id=issued.key.id).revoked_at is not None


def test_objects_created_before_the_chosen_time_stay(world: World, leaked: Any) -> None:
    issued, _ = leaked
    with tenant_context(world.tenant("test")):
        Endpoint.objects.filter(created_by=issued.client_id).update(
            created=clock.now() - timedelta(days=3), updated=clock.now() - timedelta(days=3)
        )
    browser_in_test_mode(world).post(f"/keys/{issued.client_id}/revoke/", {"leaked": "on", "since": "1"})
    assert state(world)[0] == [URL, "https://other.example/hook"]


def test_key_revoked_earlier_can_be_marked_as_leaked(world: World, leaked: Any) -> None:
    issued, _ = leaked
    browser = browser_in_test_mode(world)
    browser.post(f"/keys/{issued.client_id}/revoke/", {})
    assert state(world)[0] == [URL, URL, "https://other.example/hook"]
    assert "It leaked: switch all of these off" in browser.get(f"/keys/{issued.client_id}/").content.decode()
    browser.post(f"/keys/{issued.client_id}/revoke/", {"leaked": "on"})
    assert state(world) == (["https://other.example/hook"], ["canceled"], [])
    browser.post(f"/keys/{issued.client_id}/undo/")
    with tenant_context(world.tenant("test")):
        assert ApiKey.objects.get(id=issued.key.id).revoked_at is not None


def test_revoke_key_command_disables_what_the_key_created(world: World, leaked: Any, capsys: Any) -> None:
    issued, _ = leaked
    call_command("revoke_key", issued.client_id, "--leaked")
    output = capsys.readouterr().out
    assert f"{issued.client_id} is revoked." in output
    assert "Webhook endpoints it made or changed: 2 switched off." in output
    assert state(world) == (["https://other.example/hook"], ["canceled"], [])
    with tenant_context(world.tenant("test")):
        disabled = AuditEntry.objects.filter(action="webhook_endpoint.disabled")
        assert {entry.actor_id for entry in disabled} == {"manage.py revoke_key"}
        key = ApiKey.objects.get(id=issued.key.id)
        assert (key.revocation_reason, key.leak_detail) == (
            "leak",
            "The operator said so when revoking the key.",
        )


def test_revoke_key_command_disables_what_an_already_revoked_key_created(
    world: World, leaked: Any, capsys: Any
) -> None:
    issued, _ = leaked
    with tenant_context(world.tenant("test")):
        Endpoint.objects.filter(created_by=issued.client_id).update(
            created=clock.now() - timedelta(days=3), updated=clock.now() - timedelta(days=3)
        )
    call_command("revoke_key", issued.client_id)
    assert state(world)[0] == [URL, URL, "https://other.example/hook"]
    yesterday = clock.rfc3339(clock.now() - timedelta(days=1))
    call_command("revoke_key", issued.client_id, "--leaked", "--since", yesterday)
    assert f"{issued.client_id} was already revoked." in capsys.readouterr().out
    assert state(world) == ([URL, "https://other.example/hook"], ["canceled"], [])


@pytest.mark.parametrize(
    "options", [["--since", "2026-01-31T12:00:00Z"], ["--leaked", "--since", "2026-01-31"]]
)
def test_revoke_key_command_refuses_invalid_arguments(world: World, leaked: Any, options: list[str]) -> None:
    issued, _ = leaked
    with pytest.raises(CommandError):
        call_command("revoke_key", issued.client_id, *options)
    assert state(world)[0] == [URL, URL, "https://other.example/hook"]
    with tenant_context(world.tenant("test")):
        assert ApiKey.objects.get(id=issued.key.id).revoked_at is None


def test_every_object_that_outlives_a_key_is_listed() -> None:
    assert [type(trace).__name__ for trace in traces()] == ["StoredResponses", "WaitingMessages", "Endpoints"]
