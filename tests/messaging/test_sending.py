"""Provider results: delivered, retried, or permanently failed. With a real SMTP server."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import pytest

from core import clock
from core.tenancy import tenant_context
from messaging.models import Message, Suppression
from messaging.retry import CLOCK
from tests.factories import World
from tests.messaging import smtp
from tests.messaging.conftest import deliver, events_of, look, make_due, time_line
from tests.messaging.smtp import (
    Mailhost,
    converse_until,
    drip,
    drip_bytes,
    raw_server,
    refuse_first_and_leave_at,
    refuse_login,
)


def test_email_arrives_unchanged(world: World, mailhost: Mailhost, queue: Callable[..., Message]) -> None:
    message = queue(
        world.tenant(),
        "Ada Lovelace <ada@example.com>",
        cc=["carol@example.com"],
        bcc=["dan@example.com"],
        sender="Acme ÄG <news@acme.example>",
        reply_to=["help@acme.example"],
        subject="Grüße, Ada",
        text="Hi Ada\n.\nbye",
        html="<p>Hi <b>Ada</b></p>",
    )

    deliver()

    # Messages of other tests that have become due are sent as well.
    [received] = [mail for mail in mailhost.to("ada@example.com") if mail.sender == "news@acme.example"]
    assert received.recipients == ["ada@example.com", "carol@example.com", "dan@example.com"]
    mail = received.message
    assert mail["Message-ID"] == f"<{message.public_id}@testserver>"
    assert str(mail["To"]) == "Ada Lovelace <ada@example.com>"
    assert str(mail["Cc"]) == "carol@example.com"
    assert mail["Bcc"] is None
    assert str(mail["From"]) == "Acme ÄG <news@acme.example>"
    assert str(mail["Reply-To"]) == "help@acme.example"
    assert str(mail["Subject"]) == "Grüße, Ada"
    assert mail.get_body(("plain",)).get_content().split() == ["Hi", "Ada", ".", "bye"]
    assert mail.get_body(("html",)).get_content().strip() == "<p>Hi <b>Ada</b></p>"
    row, recipients = look(message)
    assert (row.status, row.due_at) == ("sent", None)
    assert {r.status for r in recipients.values()} == {"sent"}
    assert {r.provider_id for r in recipients.values()} == {mail["Message-ID"]}
    assert events_of(message) == ["message.queued", "message.sent"]


def test_html_only_email_is_sent_as_html(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    queue(world.tenant(), "html@example.com", text="", html="<p>only</p>")

    deliver()

    [received] = mailhost.to("html@example.com")
    assert received.message.get_content_type() == "text/html"


@pytest.mark.parametrize(
    ("address", "status", "code", "suppressed", "tried_again"),
    [
        ("fine@example.com", "sent", "", False, False),
        ("greylisted@example.com", "queued", "smtp_4.2.0", False, True),
        ("full@example.com", "queued", "smtp_4.2.2", False, True),
        ("unknown@example.com", "bounced", "smtp_5.1.1", True, False),
        ("gone@example.com", "bounced", "smtp_550", True, False),
        ("blocked@example.com", "failed", "smtp_5.7.1", False, False),
        ("odd@example.com", "failed", "smtp_5.0.0", False, False),
        ("datatemp@example.com", "queued", "smtp_4.3.0", False, True),
        ("dataperm@example.com", "failed", "smtp_5.6.0", False, False),
    ],
)
def test_every_smtp_reply_code_is_classified(
    world: World,
    mailhost: Mailhost,
    queue: Callable[..., Message],
    address: str,
    status: str,
    code: str,
    suppressed: bool,
    tried_again: bool,
) -> None:
    message = queue(world.tenant(), address)

    deliver()

    row, recipients = look(message)
    assert recipients[address].status == status
    assert [found for _, found in time_line(message, address)] == [code]
    assert (row.due_at is not None) == tried_again
    assert row.status == ("sending" if tried_again else status)
    with tenant_context(world.tenant()):
        listed = list(Suppression.objects.values_list("address", "origin"))
    assert listed == ([(address, "bounce")] if suppressed else [])


def test_recipients_are_classified_separately_and_only_failed_ones_retried(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    message = queue(world.tenant(), "fine@example.com", "greylisted@example.com", "unknown@example.com")

    deliver()
    first, recipients = look(message)
    make_due(message)
    deliver()

    assert {a: r.status for a, r in recipients.items()} == {
        "fine@example.com": "sent",
        "greylisted@example.com": "queued",
        "unknown@example.com": "bounced",
    }
    assert first.status == "sending"
    assert len(mailhost.received) == 1
    assert [kind for kind, _ in time_line(message, "greylisted@example.com")] == ["deferred"] * 2
    assert len(time_line(message, "fine@example.com")) == 1


def test_temporary_failure_is_retried_with_the_same_message_id(
    world: World, mailhost: Mailhost, queue: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    message = queue(world.tenant(), "greylisted+then-fine@example.com")
    deliver()
    assert mailhost.received == []
    monkeypatch.delitem(smtp.RCPT_ANSWERS, "greylisted")

    make_due(message)
    deliver()

    assert look(message)[0].status == "sent"
    [received] = mailhost.received
    assert received.message_id == f"<{message.public_id}@testserver>"


def test_attempts_end_after_the_last_backoff(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    message = queue(world.tenant(), "greylisted@example.com")

    for number in range(1, CLOCK.attempts + 1):
        before = clock.now()
        deliver()
        row, recipients = look(message)
        if number < CLOCK.attempts:
            assert recipients["greylisted@example.com"].status == "queued"
            wait = row.due_at - before
            assert CLOCK.waits[number - 1] <= wait <= CLOCK.waits[number - 1] * 1.1 + dt.timedelta(seconds=30)
            make_due(message)

    assert row.status == "failed"
    assert recipients["greylisted@example.com"].error_code == "retries_exhausted"
    assert events_of(message) == ["message.queued", "message.failed"]
    assert deliver() == 0


def test_refused_sender_fails_every_recipient(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    mailhost.mail_answer = "553 5.1.8 Sender refused"
    message = queue(world.tenant(), "a@example.com", "b@example.com")

    deliver()

    row, recipients = look(message)
    assert row.status == "failed"
    assert {r.error_code for r in recipients.values()} == {"smtp_5.1.8"}
    with tenant_context(world.tenant()):
        assert not Suppression.objects.exists()


def _hang_up(connection: Any) -> None:
    connection.close()


def _reply_421(connection: Any) -> None:
    connection.sendall(b"421 4.3.2 Shutting down\r\n")


def _stay_silent(connection: Any) -> None:
    time.sleep(1.5)


@pytest.mark.parametrize(
    ("moment", "behaviour"),
    [
        (b"EHLO", _hang_up),
        (b"MAIL", _hang_up),
        (b"RCPT", _hang_up),
        (b"DATA", _hang_up),
        (b".", _hang_up),
        (b"MAIL", _reply_421),
        (b"RCPT", _reply_421),
        (b".", _reply_421),
        (b"MAIL", _stay_silent),
        (b".", _stay_silent),
        (b"RCPT", drip),
        (b"EHLO", drip_bytes),
        (b".", drip_bytes),
    ],
)
def test_disconnects_and_time_outs_are_temporary(
    world: World,
    settings: Any,
    queue: Callable[..., Message],
    monkeypatch: pytest.MonkeyPatch,
    moment: bytes,
    behaviour: Any,
) -> None:
    monkeypatch.setattr("messaging.providers.smtp.CALL_SECONDS", 1)
    message = queue(world.tenant(), "a@example.com")

    with raw_server(converse_until(moment, behaviour)) as url:
        settings.MESSAGING_PROVIDERS = {"email": "smtp"}
        settings.MESSAGING_SMTP_URL = url
        deliver()

    row, recipients = look(message)
    assert recipients["a@example.com"].status == "queued"
    assert [kind for kind, _ in time_line(message, "a@example.com")] == ["deferred"]
    assert row.deferrals == 1
    assert row.due_at > clock.now() + dt.timedelta(seconds=20)


@pytest.mark.parametrize("moment", ["RCPT", "DATA"])
def test_replies_before_a_disconnect_are_kept(
    world: World, settings: Any, queue: Callable[..., Message], moment: str
) -> None:
    message = queue(world.tenant(), "gone@example.com", "b@example.com")

    with raw_server(refuse_first_and_leave_at(moment)) as url:
        settings.MESSAGING_PROVIDERS = {"email": "smtp"}
        settings.MESSAGING_SMTP_URL = url
        deliver()

    recipients = look(message)[1]
    assert (recipients["gone@example.com"].status, recipients["b@example.com"].status) == (
        "bounced",
        "queued",
    )


def test_refused_smtp_login_alerts_the_operator_and_the_message_waits(
    world: World, settings: Any, queue: Callable[..., Message]
) -> None:
    message = queue(world.tenant(), "a@example.com")

    with raw_server(refuse_login) as url:
        settings.MESSAGING_PROVIDERS = {"email": "smtp"}
        settings.MESSAGING_SMTP_URL = url.replace("smtp://", "smtp://ada:wrong%40@")
        deliver()

    assert time_line(message, "a@example.com") == [("deferred", "smtp_login")]
    assert look(message)[0].due_at is not None


@pytest.mark.parametrize("scheme", ["smtp+tls", "smtp+ssl"])
def test_smtp_server_without_a_valid_certificate_gets_nothing(
    world: World, settings: Any, queue: Callable[..., Message], mailhost: Mailhost, scheme: str
) -> None:
    message = queue(world.tenant(), "a@example.com")
    settings.MESSAGING_SMTP_URL = settings.MESSAGING_SMTP_URL.replace("smtp://", f"{scheme}://")

    deliver()

    assert time_line(message, "a@example.com") == [("deferred", "smtp_connection")]
    assert mailhost.of(message.public_id) == []


def test_refused_connection_is_temporary(world: World, settings: Any, queue: Callable[..., Message]) -> None:
    settings.MESSAGING_PROVIDERS = {"email": "smtp"}
    settings.MESSAGING_SMTP_URL = "smtp://127.0.0.1:1"
    message = queue(world.tenant(), "a@example.com")

    deliver()

    assert time_line(message, "a@example.com") == [("deferred", "smtp_connection")]


def test_idle_connection_closed_by_the_server_is_replaced(
    world: World, mailhost: Mailhost, queue: Callable[..., Message], settings: Any
) -> None:
    first = queue(world.tenant(), "one@example.com")
    deliver()
    url = settings.MESSAGING_SMTP_URL
    from messaging.providers import load_provider

    [connection] = load_provider("smtp")._idle  # type: ignore[attr-defined]
    connection.sock.shutdown(2)
    second = queue(world.tenant(), "two@example.com")

    deliver()

    assert url == settings.MESSAGING_SMTP_URL
    assert (look(first)[0].status, look(second)[0].status) == ("sent", "sent")
    assert mailhost.connections == 2


def test_provider_bug_stops_neither_the_batch_nor_the_message(
    world: World, mailhost: Mailhost, queue: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = queue(world.tenant(), "broken@example.com")
    fine = queue(world.tenant(), "fine@example.com")
    from messaging.providers import smtp

    compose = smtp.compose_signed

    def explode(envelope: Any) -> Any:
        if envelope.message_id == broken.id:
            raise ZeroDivisionError
        return compose(envelope)

    monkeypatch.setattr(smtp, "compose_signed", explode)

    deliver()

    assert time_line(broken, "broken@example.com") == [("deferred", "provider_error")]
    assert look(fine)[0].status == "sent"
