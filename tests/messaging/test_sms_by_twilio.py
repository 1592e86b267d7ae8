"""SMS through Twilio's SDK, with a stand-in for Twilio's server."""

import base64
import hmac
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from core.tenancy import tenant_context
from messaging.models import Message, Suppression
from messaging.providers import load_provider
from messaging.providers.base import Result
from messaging.services import claiming
from tests.factories import World
from tests.messaging.conftest import deliver, look, make_due, time_line
from tests.messaging.standins import stand_in, twilio_api

TOKEN = "stand-in-token"


@pytest.fixture
def vendor(settings: Any) -> Iterator[Any]:
    with stand_in(twilio_api) as server:
        settings.MESSAGING_PROVIDERS = {"email": "file", "sms": "twilio"}
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC" + "0" * 32, TOKEN
        settings.TWILIO_API_URL = server.url
        yield server


def queue_sms(queue: Any, world: World, *numbers: Any) -> Any:
    return queue(world.tenant(), *numbers, channel="sms", subject="", text="Hi", sender="Acme")


def requests_to(vendor: Any, number: Any) -> Any:
    return [fields for _, fields, _ in vendor.requests if fields["To"] == number]


def report(path: Any, fields: Any, *, token: Any = TOKEN) -> Any:
    """POST like Twilio: signed over our public URL and the sorted fields (SHA-1, as specified by Twilio)."""
    signed = f"http://testserver{path}" + "".join(name + fields[name] for name in sorted(fields))
    signature = base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()
    return Client().post(path, fields, headers={"X-Twilio-Signature": signature}).status_code


def callback_path(vendor: Any, number: Any) -> Any:
    [fields] = requests_to(vendor, number)
    return fields["StatusCallback"].removeprefix("http://testserver")


def test_each_recipient_is_one_provider_call(
    world: World, vendor: Any, queue: Callable[..., Message]
) -> None:
    message = queue_sms(queue, world, "+4930123456", "+4930123457")

    deliver()

    row, recipients = look(message)
    assert row.status == "sent"
    [call] = requests_to(vendor, "+4930123456")
    assert (call["From"], call["Body"]) == ("Acme", "Hi")
    assert len(requests_to(vendor, "+4930123457")) == 1
    assert all(r.provider == "twilio" and r.provider_id.startswith("SM") for r in recipients.values())


@pytest.mark.parametrize(
    ("number", "status", "code", "suppressed"),
    [
        ("+4930111111", "bounced", "twilio_21211", True),
        ("+4930222222", "suppressed", "twilio_21610", False),
        ("+4930333333", "failed", "twilio_21606", False),
        ("+4930444444", "queued", "twilio_20429", False),
        ("+4930555555", "queued", "twilio_20503", False),
        ("+4930666666", "queued", "twilio_20003", False),
        ("+4930777777", "queued", "twilio_20403", False),
        ("+4930888888", "queued", "twilio_408", False),
        ("+4930999999", "queued", "twilio_425", False),
        ("+4930131313", "bounced", "twilio_21211", True),
        ("+4930121212", "sent", "", False),
    ],
)
def test_provider_error_codes_are_classified(
    world: World,
    vendor: Any,
    queue: Callable[..., Message],
    number: str,
    status: str,
    code: str,
    suppressed: bool,
) -> None:
    message = queue_sms(queue, world, number)

    deliver()

    row, recipients = look(message)
    assert recipients[number].status == status
    assert [found for _, found in time_line(message, number)] == [code]
    assert (row.due_at is not None) == (status == "queued")
    with tenant_context(world.tenant()):
        assert Suppression.objects.filter(address=number).exists() == suppressed


def test_only_temporarily_failed_numbers_are_retried(
    world: World, vendor: Any, queue: Callable[..., Message]
) -> None:
    message = queue_sms(queue, world, "+4930123456", "+4930555555")
    deliver()

    make_due(message)
    deliver()

    assert len(requests_to(vendor, "+4930123456")) == 1
    assert len(requests_to(vendor, "+4930555555")) == 2


def test_provider_timeout_is_temporary(
    world: World, vendor: Any, queue: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.providers.twilio.CALL_SECONDS", 0.2)
    vendor.delay_seconds = 1
    message = queue_sms(queue, world, "+4930123456")

    deliver()

    assert time_line(message, "+4930123456") == [("deferred", "twilio_connection")]


@pytest.mark.parametrize(("reported", "calls"), [(False, 2), (True, 1)])
def test_lost_response_causes_a_second_sms_unless_the_first_is_reported(
    world: World,
    vendor: Any,
    queue: Callable[..., Message],
    monkeypatch: pytest.MonkeyPatch,
    reported: bool,
    calls: int,
) -> None:
    """Twilio's API has no idempotency token: this is the remaining duplicate, and what prevents most of them."""
    monkeypatch.setattr("messaging.providers.twilio.CALL_SECONDS", 0.2)
    vendor.delay_seconds = 1
    message = queue_sms(queue, world, "+4930123456")
    deliver()
    assert look(message)[0].status == "sending"
    vendor.delay_seconds = 0
    monkeypatch.undo()
    load_provider.cache_clear()  # the SDK's client keeps the timeout it was created with

    if reported:
        path = callback_path(vendor, "+4930123456")
        assert report(path, {"MessageSid": "SM1", "MessageStatus": "sent"}) == 204
    make_due(message)
    deliver()

    assert look(message)[0].status == "sent"
    assert len(requests_to(vendor, "+4930123456")) == calls


@pytest.mark.parametrize(
    ("expected", "code", "status", "suppressed"),
    [
        ("delivered", "", "delivered", False),
        ("read", "", "delivered", False),
        ("undelivered", "30003", "bounced", False),
        ("undelivered", "30005", "bounced", True),
        ("failed", "30008", "failed", False),
        ("sending", "", "sent", False),
    ],
)
def test_signed_reports_are_recorded(
    world: World,
    vendor: Any,
    queue: Callable[..., Message],
    expected: str,
    code: str,
    status: str,
    suppressed: bool,
) -> None:
    message = queue_sms(queue, world, "+4930123456")
    deliver()
    fields = {"MessageSid": "SM1", "MessageStatus": expected} | ({"ErrorCode": code} if code else {})

    assert report(callback_path(vendor, "+4930123456"), fields) == 204

    row, recipients = look(message)
    assert (row.status, recipients["+4930123456"].status) == (status, status)
    with tenant_context(world.tenant()):
        assert Suppression.objects.exists() == suppressed


def test_duplicate_report_changes_nothing(world: World, vendor: Any, queue: Callable[..., Message]) -> None:
    message = queue_sms(queue, world, "+4930123456")
    deliver()
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered"}

    report(callback_path(vendor, "+4930123456"), fields)
    report(callback_path(vendor, "+4930123456"), fields)
    report(callback_path(vendor, "+4930123456"), fields | {"MessageStatus": "sent"})

    assert look(message)[0].status == "delivered"
    assert [kind for kind, _ in time_line(message, "+4930123456")] == ["sent", "delivered", "sent"]


def test_early_report_is_kept_until_the_send_is_recorded(
    world: World, vendor: Any, queue: Callable[..., Message]
) -> None:
    from messaging.services import recording, sending

    message = queue_sms(queue, world, "+4930123456")
    [job] = [job for job in claiming.claim_due(call_seconds=30).jobs if job.message.id == message.id]
    [part] = sending._parts(job)
    part.results = [Result(part.envelope.targets[0].recipient_id, "sent", provider_id="SM1")]
    from core.values import ids

    recipient = ids.encode("rcp", part.envelope.targets[0].recipient_id)
    path = f"/callbacks/twilio?recipient={recipient}"
    assert report(path, {"MessageSid": "SM1", "MessageStatus": "delivered"}) == 204
    assert look(message)[0].status == "delivered"

    recording.record([recording.Progress(job, 0, sending._updates_from(part))])

    row, recipients = look(message)
    assert (row.status, row.due_at, recipients["+4930123456"].status) == ("delivered", None, "delivered")


@pytest.mark.parametrize("token", ["", "another-token"])
def test_report_with_an_invalid_signature_is_refused(
    world: World, vendor: Any, queue: Callable[..., Message], token: str
) -> None:
    message = queue_sms(queue, world, "+4930123456")
    deliver()
    path = callback_path(vendor, "+4930123456")

    assert report(path, {"MessageSid": "SM1", "MessageStatus": "failed"}, token=token) == 403
    assert Client().post(path, {"MessageStatus": "failed"}).status_code == 403
    assert Client().get(path).status_code == 405

    assert look(message)[0].status == "sent"


def test_the_signature_covers_the_recipient(world: World, vendor: Any, queue: Callable[..., Message]) -> None:
    message = queue_sms(queue, world, "+4930123456", "+4930123457")
    deliver()
    first, second = (callback_path(vendor, n) for n in ("+4930123456", "+4930123457"))
    fields = {"MessageSid": "SM1", "MessageStatus": "failed"}
    signed = f"http://testserver{first}" + "".join(name + fields[name] for name in sorted(fields))
    signature = base64.b64encode(hmac.digest(TOKEN.encode(), signed.encode(), "sha1")).decode()

    answer = Client().post(second, fields, headers={"X-Twilio-Signature": signature})

    assert answer.status_code == 403
    assert look(message)[0].status == "sent"


def test_report_is_refused_without_a_configured_token(
    world: World, vendor: Any, queue: Callable[..., Message], settings: Any
) -> None:
    settings.TWILIO_AUTH_TOKEN = ""

    assert report("/callbacks/twilio", {"MessageStatus": "failed"}, token="") == 403
