"""Reports of the operator's mail server, signed with the third-party Standard Webhooks library."""

import base64
import datetime as dt
import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from standardwebhooks import Webhook

from core import clock
from core.tenancy import tenant_context
from messaging.models import Message, Suppression
from tests.factories import World
from tests.messaging.conftest import deliver, look, time_line
from tests.messaging.smtp import Mailhost

SECRET = "whsec_" + base64.b64encode(b"a-secret-of-32-bytes-for-tests!!").decode()


@pytest.fixture
def sent(world: World, mailhost: Mailhost, queue: Callable[..., Message], settings: Any) -> Any:
    settings.MESSAGING_CALLBACK_SECRET = SECRET
    message = queue(world.tenant(), "ada@example.com")
    deliver()
    return message


def report(
    events: Any, *, secret: Any = SECRET, moment: Any = None, tamper: bytes = b"", body: Any = None
) -> Any:
    raw = json.dumps({"events": events}) if body is None else body
    identifier, moment = f"note_{secrets.token_hex(4)}", moment or clock.now()
    signature = Webhook(secret).sign(identifier, moment, raw)
    return Client().post(
        "/callbacks/messages",
        raw.encode() + tamper,
        content_type="application/json",
        headers={
            "webhook-id": identifier,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": signature,
        },
    )


def event(message: Any, **fields: Any) -> Any:
    return {
        "id": secrets.token_hex(8),
        "message": message.public_id,
        "recipient": "Ada@Example.com",
        "type": "delivered",
        **fields,
    }


@pytest.mark.parametrize(
    ("fields", "status", "origin"),
    [
        ({"type": "delivered"}, "delivered", None),
        ({"type": "bounced", "code": "5.1.1", "detail": "no such user"}, "bounced", "bounce"),
        ({"type": "bounced", "permanent": False}, "sent", None),
        ({"type": "bounced", "permanent": "false"}, "sent", None),
        ({"type": "bounced", "permanent": " No "}, "sent", None),
        ({"type": "bounced", "permanent": 0}, "sent", None),
        ({"type": "bounced", "permanent": "true", "code": None}, "bounced", "bounce"),
        ({"type": "deferred"}, "sent", None),
        ({"type": "complained"}, "complained", "complaint"),
        ({"type": "failed"}, "failed", None),
    ],
)
def test_each_callback_report_is_applied(
    world: World, sent: Any, fields: dict[str, Any], status: str, origin: str | None
) -> None:
    assert report([event(sent, **fields)]).status_code == 204

    assert look(sent)[0].status == status
    with tenant_context(world.tenant()):
        assert list(Suppression.objects.values_list("origin", flat=True)) == ([origin] if origin else [])


@pytest.mark.parametrize("permanent", ["perhaps", "", None, 2, [], {}])
def test_report_with_invalid_permanence_changes_nothing(world: World, sent: Any, permanent: Any) -> None:
    assert report([event(sent, type="bounced", permanent=permanent)]).status_code == 400

    assert look(sent)[0].status == "sent"
    with tenant_context(world.tenant()):
        assert not Suppression.objects.exists()


def test_late_report_cannot_turn_a_complaint_into_a_delivery(sent: Any) -> None:
    report([event(sent, type="delivered"), event(sent, type="complained"), event(sent, type="delivered")])

    assert look(sent)[0].status == "complained"
    kinds = [kind for kind, _ in time_line(sent, "ada@example.com")]
    assert kinds == ["sent", "delivered", "complained", "delivered"]


def test_forged_altered_and_old_reports_are_refused(sent: Any) -> None:
    bounced = [event(sent, type="bounced")]
    other = "whsec_" + base64.b64encode(b"another-secret-of-32-bytes-here!").decode()

    assert report(bounced, secret=other).status_code == 403
    assert report(bounced, tamper=b" ").status_code == 403
    assert report(bounced, moment=clock.now() - dt.timedelta(minutes=6)).status_code == 403
    assert report(bounced, moment=clock.now() + dt.timedelta(minutes=6)).status_code == 403
    assert Client().post("/callbacks/messages", "{}", content_type="application/json").status_code == 403

    assert look(sent)[0].status == "sent"


def test_callbacks_are_refused_without_a_configured_secret(sent: Any, settings: Any) -> None:
    for weak in ("", "whsec_", "whsec_c2hvcnQ=", "not base64!"):
        settings.MESSAGING_CALLBACK_SECRET = weak
        assert report([event(sent, type="bounced")]).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"events": 1}',
        '{"events": [1]}',
        '{"events": [], "events": []}',
        '{"events": [{"id": "1", "type": "delivered", "type": "bounced"}]}',
        '{"events": ' + "[" * 13 + "]" * 13 + "}",
        '{"events": ' + "[" * 3_000 + "]" * 3_000 + "}",
        '{"events": [{"id": "1", "type": "exploded", "recipient": "a@b.co", "message": "msg_x"}]}',
        '{"events": [{"id": "1", "type": "delivered", "recipient": "a\\u0000@b.co", "message": "msg_x"}]}',
        '{"events": [{"id": "1", "type": "delivered", "recipient": "a@b.co", "message": "nonsense"}]}',
    ],
)
def test_signed_but_malformed_report_gets_400(sent: Any, body: str) -> None:
    assert report(None, body=body).status_code == 400


def test_contradictory_report_changes_nothing(sent: Any) -> None:
    good = json.dumps(event(sent, type="bounced"))
    twice = good[:-1] + ', "type": "delivered"}'

    assert report(None, body=f'{{"events": [{good}, {twice}]}}').status_code == 400

    assert look(sent)[0].status == "sent"


def test_reports_about_unknown_recipients_change_nothing(sent: Any) -> None:
    stranger = event(sent, recipient="eve@example.com", type="bounced")
    nobody = event(sent, type="bounced") | {"message": "msg_01h455vb4pex5vsknk084sn02q"}

    assert report([stranger, nobody]).status_code == 204

    assert look(sent)[0].status == "sent"
