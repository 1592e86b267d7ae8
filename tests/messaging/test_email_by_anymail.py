"""Email through a django-anymail service (Postmark's API, on a stand-in), and its verified callbacks."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from core.tenancy import tenant_context
from messaging.models import Message, Suppression
from tests.factories import World
from tests.messaging.conftest import deliver, look, make_due, time_line
from tests.messaging.standins import postmark_api, stand_in


@pytest.fixture
def service(settings: Any) -> Iterator[Any]:
    with stand_in(postmark_api) as server:
        settings.MESSAGING_PROVIDERS = {"email": "anymail"}
        settings.MESSAGING_ANYMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
        settings.ANYMAIL = {
            "POSTMARK_SERVER_TOKEN": "stand-in",
            "POSTMARK_API_URL": f"{server.url}/",
            "WEBHOOK_SECRET": "pomelo:callback-secret",
            "REQUESTS_TIMEOUT": 5,
        }
        yield server


def report(body: Any, *, password: str = "callback-secret") -> Any:
    token = base64.b64encode(f"pomelo:{password}".encode()).decode()
    return Client().post(
        "/callbacks/anymail",
        body if isinstance(body, str) else json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Basic {token}"},
    )


def test_service_gets_the_message_with_its_id(
    world: World, service: Any, queue: Callable[..., Message]
) -> None:
    message = queue(
        world.tenant(), "ada@example.com", tags=["welcome"], html="<p>x</p>", sender="news@acme.example"
    )

    deliver()

    [fields] = [f for _, f, _ in service.requests if "ada@example.com" in f["To"]]
    assert fields["From"] == "news@acme.example"
    assert (fields["Subject"], fields["TextBody"], fields["HtmlBody"]) == ("Hello", "Hi", "<p>x</p>")
    assert fields["Metadata"] == {"pomelo_message": message.public_id}
    assert fields["Tag"] == "welcome"
    assert {"Name": "Message-ID", "Value": f"<{message.public_id}@testserver>"} in fields["Headers"]
    row, recipients = look(message)
    assert row.status == "sent"
    assert recipients["ada@example.com"].provider_id == "0a129aee-e1cd-480d-b08d-4f48548ff48d"


def test_tags_the_service_cannot_take_are_left_out(
    world: World, service: Any, queue: Callable[..., Message]
) -> None:
    message = queue(world.tenant(), "ada@example.com", tags=["a", "b"])

    deliver()

    assert look(message)[0].status == "sent"


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("inactive@example.com", "suppressed", "anymail_rejected"),
        ("broken@example.com", "failed", "anymail_422"),
        ("no-token@example.com", "queued", "anymail_401"),
        ("not-allowed@example.com", "queued", "anymail_403"),
        ("too-slow@example.com", "queued", "anymail_408"),
        ("too-early@example.com", "queued", "anymail_425"),
        ("too-many@example.com", "queued", "anymail_429"),
        ("busy@example.com", "queued", "anymail_503"),
        ("garbled@example.com", "sent", ""),
    ],
)
def test_service_refusals_are_classified(
    world: World, service: Any, queue: Callable[..., Message], address: str, status: str, code: str
) -> None:
    message = queue(world.tenant(), address)

    deliver()

    assert look(message)[1][address].status == status
    assert [found for _, found in time_line(message, address)] == [code]


def test_service_timeout_is_temporary(
    world: World, service: Any, queue: Callable[..., Message], settings: Any
) -> None:
    settings.ANYMAIL = settings.ANYMAIL | {"REQUESTS_TIMEOUT": 0.2}
    service.delay_seconds = 1
    message = queue(world.tenant(), "ada@example.com")

    deliver()

    assert look(message)[1]["ada@example.com"].status == "queued"
    assert time_line(message, "ada@example.com") == [("deferred", "anymail_connection")]


@pytest.mark.parametrize(
    "address",
    [
        "no-token@example.com",
        "not-allowed@example.com",
        "too-slow@example.com",
        "too-early@example.com",
        "too-many@example.com",
    ],
)
def test_temporary_failures_are_retried_successfully(
    world: World, service: Any, queue: Callable[..., Message], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = queue(world.tenant(), address)
    deliver()
    waits_until = look(message)[0].due_at

    monkeypatch.setattr("tests.messaging.standins.POSTMARK_REFUSALS", {})
    deliver()
    too_early = look(message)[1][address].status
    make_due(message)
    deliver()

    assert waits_until > message.created
    assert too_early == "queued"
    assert look(message)[1][address].status == "sent"
    assert len([f for _, f, _ in service.requests if f["To"] == address]) == 2


def _delivery(message: Any, **extra: Any) -> Any:
    return {
        "RecordType": "Delivery",
        "MessageID": "0a129aee-e1cd-480d-b08d-4f48548ff48d",
        "Recipient": "ada@example.com",
        "DeliveredAt": "2026-11-21T12:00:00Z",
        "Metadata": {"pomelo_message": message.public_id},
        **extra,
    }


def test_verified_reports_are_recorded(world: World, service: Any, queue: Callable[..., Message]) -> None:
    message = queue(world.tenant(), "ada@example.com", "bob@example.com")
    deliver()

    assert report(_delivery(message)).status_code == 204
    assert report(_delivery(message)).status_code == 204
    bounce = {
        "RecordType": "Bounce",
        "Type": "HardBounce",
        "ID": 42,
        "MessageID": "0a129aee-e1cd-480d-b08d-4f48548ff48d",
        "Email": "bob@example.com",
        "BouncedAt": "2026-11-21T12:00:00Z",
        "Details": "550 no such user",
        "Metadata": {"pomelo_message": message.public_id},
    }
    assert report(bounce).status_code == 204

    row, recipients = look(message)
    assert {a: r.status for a, r in recipients.items()} == {
        "ada@example.com": "delivered",
        "bob@example.com": "bounced",
    }
    assert row.status == "bounced"
    assert [kind for kind, _ in time_line(message, "ada@example.com")] == ["sent", "delivered"]
    with tenant_context(world.tenant()):
        assert list(Suppression.objects.values_list("address", "origin")) == [("bob@example.com", "bounce")]


def test_complaint_suppresses_the_address(world: World, service: Any, queue: Callable[..., Message]) -> None:
    message = queue(world.tenant(), "ada@example.com")
    deliver()

    report(
        {
            "RecordType": "SpamComplaint",
            "Type": "SpamComplaint",
            "ID": 7,
            "Email": "ada@example.com",
            "BouncedAt": "2026-11-21T12:00:00Z",
            "Metadata": {"pomelo_message": message.public_id},
        }
    )

    assert look(message)[0].status == "complained"
    with tenant_context(world.tenant()):
        assert list(Suppression.objects.values_list("origin", flat=True)) == ["complaint"]


def test_unverified_unreadable_and_foreign_reports_change_nothing(
    world: World, service: Any, queue: Callable[..., Message], settings: Any
) -> None:
    message = queue(world.tenant(), "ada@example.com")
    deliver()

    assert report(_delivery(message), password="guess").status_code == 403
    assert report([]).status_code == 400
    assert report(_delivery(message, Recipient="stranger@example.com")).status_code == 204
    settings.ANYMAIL = {key: value for key, value in settings.ANYMAIL.items() if key != "WEBHOOK_SECRET"}
    assert report(_delivery(message)).status_code == 403
    settings.MESSAGING_ANYMAIL_BACKEND = ""
    assert report(_delivery(message)).status_code == 403

    assert look(message)[0].status == "sent"


@pytest.mark.parametrize("depth", [13, 300, 3_000, 100_000])
@pytest.mark.parametrize("where", ["alone", "in the metadata", "behind a report"])
def test_deeply_nested_report_is_parsed_or_refused(
    world: World, service: Any, queue: Callable[..., Message], depth: int, where: str
) -> None:
    message = queue(world.tenant(), "ada@example.com")
    deliver()
    deep = '{"a":' * depth + "1" + "}" * depth
    told = json.dumps(_delivery(message))
    body = {
        "alone": deep,
        "in the metadata": told.replace('"Metadata": {', f'"Metadata": {{"deep": {deep}, '),
        "behind a report": told[:-1] + f', "Deep": {deep}}}',
    }[where]

    status = report(body).status_code

    # anymail itself parses as deep as Python allows, and then uses the result.
    assert status in (204, 400)
    assert look(message)[0].status == ("delivered" if status == 204 and where != "alone" else "sent")
    if depth in (13, 100_000):
        assert status == (204 if depth == 13 else 400)
