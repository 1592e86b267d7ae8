"""POST /v1/messages and related operations, through the whole pipeline."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from apikeys.services import IssuedKey
from billing.models import Customer
from core import clock
from core.tenancy import tenant_context
from messaging.models import DailyUsage, Message
from tests.clients import ApiClient
from tests.factories import World, make_customer

EMAIL = {"channel": "email", "to": ["ada@example.com"], "subject": "Hello", "text": "Hi Ada"}
SMS = {"channel": "sms", "to": ["+49 30 123456"], "text": "Hi Ada"}


def messages_of(tenant: Any) -> Any:
    with tenant_context(tenant):
        return list(Message.objects.all())


@pytest.fixture
def sender(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> ApiClient:
    return api(issue_key(world.company, scopes=["messaging:send", "messaging:read"]).client_secret)


def test_email_is_accepted_and_read_back(world: World, sender: ApiClient) -> None:
    answer = sender.post(
        "/v1/messages",
        {
            **EMAIL,
            "to": ["Ada Lovelace <Ada@Example.com>", "bob@example.com"],
            "cc": ["carol@example.com"],
            "bcc": ["dan@example.com"],
            "from": "Acme <news@acme.example>",
            "reply_to": ["help@acme.example"],
            "html": "<p>Hi Ada</p>",
            "tags": ["welcome"],
            "metadata": {"campaign": "7"},
        },
    )

    assert answer.status == 201, answer
    body = answer.json
    assert body["object"] == "message"
    assert body["status"] == "queued"
    assert body["to"] == ["Ada@example.com", "bob@example.com"]
    assert (body["cc"], body["bcc"]) == (["carol@example.com"], ["dan@example.com"])
    assert body["from"] == "Acme <news@acme.example>"
    assert body["reply_to"] == ["help@acme.example"]
    assert (body["text"], body["html"]) == ("Hi Ada", "<p>Hi Ada</p>")
    assert [r["status"] for r in body["recipients"]] == ["queued"] * 4
    assert sender.get(f"/v1/messages/{body['id']}").json == body
    listed = sender.get("/v1/messages").json["data"]
    assert [row["id"] for row in listed] == [body["id"]]
    assert "text" not in listed[0]


def test_sms_is_written_in_e164(sender: ApiClient) -> None:
    answer = sender.post("/v1/messages", SMS)

    assert answer.status == 201, answer
    assert answer.json["to"] == ["+4930123456"]
    assert answer.json["subject"] is None


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"to": ["ada@example.com\r\nBcc: eve@example.com"]}, "to.0", "control_character"),
        ({"to": ["ada@example.com", "nobody"]}, "to.1", "invalid_email"),
        ({"to": ["a@b@example.com"]}, "to.0", "invalid_email"),
        ({"to": ["Ada <ada@example.com>, Bob <bob@example.com>"]}, "to.0", "invalid_email"),
        ({"to": ["ada@example.com", "ADA@example.com"]}, "to.1", "duplicate"),
        ({"to": []}, "to", "required"),
        ({"to": [f"a{n}@example.com" for n in range(60)], "cc": [f"b{n}@example.com" for n in range(41)]}, "to", "too_many"),
        ({"to": [f"a{n}@example.com" for n in range(101)]}, "to", "max_length"),
        ({"cc": ["x"]}, "cc.0", "invalid_email"),
        ({"from": "Acme\nX-Evil: 1 <a@example.com>"}, "from", "control_character"),
        ({"reply_to": ["a@example.com\n"]}, "reply_to.0", "control_character"),
        ({"subject": "Hello\r\nBcc: eve@example.com"}, "subject", "control_character"),
        ({"subject": "Hello\u2028there"}, "subject", "control_character"),
        ({"subject": " "}, "subject", "required"),
        ({"text": ""}, "text", "required"),
        ({"text": "x" * 512_001}, "text", "too_long"),
        ({"to": ["delivered@test.pomelo.dev"]}, "to.0", "test_address"),
        ({"channel": "pigeon"}, "channel", "invalid_choice"),
        ({"channel": "sms", "to": ["+4930123456"]}, "subject", "not_supported"),
        ({"tags": ["two words"]}, "tags.0", "invalid"),
        ({"metadata": {"caf\u00e9": "1", "cafe\u0301": "2"}}, "metadata.caf\u00e9", "duplicate"),
        ({"customer": "cus_01h455vb4pex5vsknk084sn02q"}, "customer", "not_found"),
        ({"nonsense": 1}, "nonsense", "unknown_field"),
        ({"send_at": "2020-01-01T00:00:00Z"}, "send_at", "in_the_past"),
        ({"send_at": "2999-01-01T00:00:00Z"}, "send_at", "too_far_ahead"),
        ({"send_at": "soon"}, "send_at", "invalid"),
    ],
)  # fmt: skip
def test_malformed_messages_are_refused_by_field_and_not_queued(
    world: World, sender: ApiClient, change: dict[str, Any], field: str, code: str
) -> None:
    answer = sender.post("/v1/messages", {**EMAIL, **change})

    assert (answer.status, answer.code) == (400, "validation_failed"), answer
    assert (field, code) in [(e["field"], e["code"]) for e in answer.json["error"]["fields"]]
    assert messages_of(world.tenant()) == []
    with tenant_context(world.tenant()):
        assert not DailyUsage.objects.exists()


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("030 123456", "invalid_phone_number"),
        ("+491", "invalid_phone_number"),
        ("+4930123456\nX", "invalid_phone_number"),
        ("call +4930123456", "invalid_phone_number"),
        ("+4930123456 ext. 7", "invalid_phone_number"),
        ("+15005550006", "test_address"),
    ],
)
def test_invalid_numbers_are_refused(world: World, sender: ApiClient, number: str, code: str) -> None:
    answer = sender.post("/v1/messages", {**SMS, "to": [number]})

    assert [(e["field"], e["code"]) for e in answer.json["error"]["fields"]] == [("to.0", code)]
    assert messages_of(world.tenant()) == []


def test_customer_is_the_default_recipient(world: World, sender: ApiClient) -> None:
    customer = make_customer(world.tenant(), email="ada@example.com", phone="+4930123456")

    by_email = sender.post("/v1/messages", {"channel": "email", "customer": customer.public_id, "subject": "S", "text": "T"})  # fmt: skip
    by_sms = sender.post("/v1/messages", {"channel": "sms", "customer": customer.public_id, "text": "T"})

    assert (by_email.json["to"], by_sms.json["to"]) == (["ada@example.com"], ["+4930123456"])
    assert by_email.json["customer"] == customer.public_id


@pytest.mark.parametrize(
    ("name", "email", "used"),
    [
        ("Ada\tLovelace\n", "jan@exämple.com", "jan@xn--exmple-cua.com"),
        ("李" * 200, "li@example.com", "li@example.com"),
        ("\u200b", "zoe@example.com", "zoe@example.com"),
        ("Ada", "a@[127.0.0.1]", None),
    ],
)
def test_customer_with_a_legacy_address_is_emailed_or_reported(
    world: World, sender: ApiClient, name: str, email: str, used: str | None
) -> None:
    customer = make_customer(world.tenant())
    with tenant_context(world.tenant()):
        Customer.objects.filter(id=customer.id).update(name=name, email=email)
    body = {"channel": "email", "customer": customer.public_id, "subject": "S", "text": "T"}

    answer = sender.post("/v1/messages", body)

    if used:
        assert (answer.status, answer.json["to"]) == (201, [used])
    else:
        assert answer.status == 400
        assert [each["field"] for each in answer.json["error"]["fields"]] == ["customer"]
        assert messages_of(world.tenant()) == []


def test_customer_without_an_address_or_of_another_company_is_refused(
    world: World, sender: ApiClient
) -> None:
    silent = make_customer(world.tenant())
    foreign = make_customer(world.other_tenant(), email="eve@example.com")

    for customer, code in ((silent, "no_address"), (foreign, "not_found")):
        answer = sender.post("/v1/messages", {"channel": "sms", "customer": customer.public_id, "text": "T"})
        assert [(e["field"], e["code"]) for e in answer.json["error"]["fields"]] == [("customer", code)]


@pytest.mark.parametrize(
    ("scopes", "channel", "status"),
    [
        (["messaging:send"], "email", 201),
        (["messaging:send"], "sms", 201),
        (["email:send"], "email", 201),
        (["send_email"], "email", 201),
        (["email:send"], "sms", 403),
        (["sms:send"], "sms", 201),
        (["sms:send"], "email", 403),
        (["messaging:read"], "email", 403),
        (["customers:write"], "sms", 403),
    ],
)
def test_scope_of_the_channel_or_of_all_channels_is_required(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    scopes: list[str],
    channel: str,
    status: int,
) -> None:
    client = api(issue_key(world.company, scopes=scopes).client_secret)

    answer = client.post("/v1/messages", EMAIL if channel == "email" else SMS)

    assert answer.status == status, answer
    if status == 403:
        assert answer.code == "insufficient_scope"
        assert f"{channel}:send" in answer.json["error"]["required_scopes"]
        assert messages_of(world.tenant()) == []


def test_send_only_key_can_only_send(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    client = api(issue_key(world.company, scopes=["send_email"]).client_secret)
    message = client.post("/v1/messages", EMAIL).json["id"]

    for path in ("/v1/messages", f"/v1/messages/{message}", "/v1/suppressions", "/v1/customers"):
        assert client.get(path).code == "insufficient_scope"
    assert client.post("/v1/suppressions", {"channel": "email", "address": "a@example.com"}).status == 403


def test_email_key_cannot_cancel_an_sms(
    world: World, sender: ApiClient, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    later = (clock.now() + dt.timedelta(hours=1)).isoformat()
    message = sender.post("/v1/messages", {**SMS, "send_at": later}).json["id"]
    email_only = api(issue_key(world.company, scopes=["email:send"]).client_secret)

    assert email_only.post(f"/v1/messages/{message}/cancel").code == "insufficient_scope"
    assert sender.get(f"/v1/messages/{message}").json["status"] == "scheduled"


def test_scheduled_message_can_be_canceled_once_and_returns_its_recipients(
    world: World, sender: ApiClient
) -> None:
    later = (clock.now() + dt.timedelta(days=2)).isoformat()
    message = sender.post(
        "/v1/messages", {**EMAIL, "to": ["a@example.com", "b@example.com"], "send_at": later}
    )
    assert message.json["status"] == "scheduled"
    with tenant_context(world.tenant()):
        assert DailyUsage.objects.get().recipients == 2

    canceled = sender.post(f"/v1/messages/{message.json['id']}/cancel")
    again = sender.post(f"/v1/messages/{message.json['id']}/cancel")

    assert canceled.json["status"] == "canceled"
    assert {r["status"] for r in canceled.json["recipients"]} == {"canceled"}
    assert (again.status, again.code) == (409, "message_not_cancelable")
    with tenant_context(world.tenant()):
        assert DailyUsage.objects.get().recipients == 0


def test_another_companys_message_is_not_found(
    world: World, sender: ApiClient, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    message = sender.post("/v1/messages", EMAIL).json["id"]
    stranger = api(issue_key(world.other_company, scopes=["messaging:send", "messaging:read"]).client_secret)
    tester = api(issue_key(world.company, scopes=["messaging:read"], mode="test").client_secret)

    assert stranger.get(f"/v1/messages/{message}").code == "not_found"
    assert stranger.post(f"/v1/messages/{message}/cancel").code == "not_found"
    assert stranger.get("/v1/messages").json["data"] == []
    assert tester.get(f"/v1/messages/{message}").code == "not_found"


def test_lists_support_every_documented_filter(world: World, sender: ApiClient) -> None:
    customer = make_customer(world.tenant(), email="ada@example.com")
    email = sender.post("/v1/messages", {**EMAIL, "tags": ["a", "b"], "customer": customer.public_id}).json
    sms = sender.post("/v1/messages", {**SMS, "tags": ["b"]}).json

    def found(query: Any) -> Any:
        return [row["id"] for row in sender.get(f"/v1/messages?{query}").json["data"]]

    assert found("channel=email") == [email["id"]]
    assert found("status=queued") == [sms["id"], email["id"]]
    assert found("status=sent") == []
    assert found("to=ADA@example.com") == [email["id"]]
    assert found("to=%2B4930123456") == [sms["id"]]
    assert found("to=nobody") == []
    assert found("tag=a") == [email["id"]]
    assert found("tag=b") == [sms["id"], email["id"]]
    assert found(f"customer={customer.public_id}") == [email["id"]]
    assert found(f"created_after={sms['created']}".replace("+", "%2B")) == [sms["id"]]
    assert sender.get("/v1/messages?nonsense=1").code == "validation_failed"


def test_repeated_idempotency_key_queues_and_counts_once(world: World, sender: ApiClient) -> None:
    first = sender.post("/v1/messages", EMAIL, idempotency_key="k1")
    second = sender.post("/v1/messages", EMAIL, idempotency_key="k1")

    assert first.content == second.content
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(messages_of(world.tenant())) == 1
    with tenant_context(world.tenant()):
        assert DailyUsage.objects.get().recipients == 1
