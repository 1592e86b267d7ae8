"""Platform email: queued in the transaction, sent by a job to a real mail server, and retried until accepted."""

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.mail import BadHeaderError, EmailMessage, send_mail
from django.db import transaction
from django.test import Client

from core import clock
from core.mail import delivery
from core.mail.backend import pack, unpack
from core.models import OutgoingMail, SetAside
from core.security import crypto
from core.tenancy import system_context
from tests.factories import World
from tests.messaging.smtp import Mailhost, mail_server, raw_server


@pytest.fixture(autouse=True)
def _queue(settings: Any) -> None:
    """Mail as in production, where Django's test runner keeps it in memory; and nothing that other tests queued."""
    settings.EMAIL_BACKEND = "core.mail.backend.QueuedBackend"
    settings.MAIL_TRANSPORT = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_TIMEOUT = 5
    with system_context(reason="tests"):
        OutgoingMail.objects.all().delete()


def use_server(settings: Any, url: str) -> None:
    parts = urlsplit(url)
    settings.EMAIL_HOST, settings.EMAIL_PORT = parts.hostname, parts.port


@pytest.fixture
def mailhost(settings: Any) -> Iterator[Mailhost]:
    with mail_server() as (handler, url):
        use_server(settings, url)
        yield handler


def queued() -> list[OutgoingMail]:
    with system_context(reason="tests"):
        return list(OutgoingMail.objects.order_by("id"))


def make_due() -> None:
    with system_context(reason="tests"):
        OutgoingMail.objects.update(due_at=clock.now())


def reason_of(mail: OutgoingMail) -> str | None:
    with system_context(reason="tests"):
        return (
            SetAside.objects.filter(batch=delivery.BATCH, item=mail.public_id)
            .values_list("reason", flat=True)
            .first()
        )


def write(address: str, subject: str = "Hello") -> OutgoingMail:
    before = {mail.id for mail in queued()}
    send_mail(subject, "Hi", None, [address])
    (added,) = [mail for mail in queued() if mail.id not in before]
    return added


def test_page_queues_mail_and_the_job_sends_it(world: World, settings: Any) -> None:
    asked = threading.Event()

    def keep_silent(connection: socket.socket) -> None:
        asked.set()
        connection.recv(1)

    with raw_server(keep_silent) as url:
        use_server(settings, url)
        answer = Client().post("/accounts/password/reset/", {"email": world.owner.email})
    (mail,) = queued()

    assert answer.status_code == 302
    assert not asked.is_set()
    assert world.owner.email.encode() not in bytes(mail.content)

    with mail_server() as (handler, url):
        use_server(settings, url)
        assert delivery.send_queued_mail() == 1

    (received,) = handler.to(world.owner.email)
    assert "/accounts/password/reset/key/" in received.message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert queued() == []


def test_rolled_back_transaction_sends_no_email() -> None:
    with transaction.atomic():
        send_mail("Hello", "Hi", None, ["ada@example.com"])
        transaction.set_rollback(True)

    assert queued() == []


def test_every_part_of_a_mail_survives_the_queue() -> None:
    message = EmailMessage(
        "Grüße", "<p>Hi</p>", "Pomelo <no-reply@example.com>", ["a@example.com"], ["b@example.com"],
        cc=["c@example.com"], reply_to=["d@example.com"], headers={"X-Kind": "notice"},
    )  # fmt: skip
    message.content_subtype = "html"

    again = unpack(pack(message)).message()

    assert (again["To"], again["Cc"], again["Reply-To"]) == (
        "a@example.com",
        "c@example.com",
        "d@example.com",
    )
    assert (again["X-Kind"], again.get_content_type()) == ("notice", "text/html")
    assert unpack(pack(message)).recipients() == ["a@example.com", "c@example.com", "b@example.com"]
    assert again["Message-ID"].endswith("@testserver>")


@pytest.mark.parametrize(
    ("subject", "attachment", "error"),
    [("two\nlines", None, BadHeaderError), ("one line", ("a.txt", "x", "text/plain"), ValueError)],
    ids=["a line break in the subject", "an attachment"],
)
def test_email_that_cannot_be_serialized_is_refused_before_it_is_queued(
    subject: str, attachment: Any, error: type[Exception]
) -> None:
    message = EmailMessage(subject, "Hi", None, ["ada@example.com"])
    if attachment:
        message.attach(*attachment)

    with pytest.raises(error):
        message.send()

    assert queued() == []


def test_unreadable_or_refused_email_does_not_block_others(mailhost: Mailhost) -> None:
    unreadable, other_release, refused, later = (
        write("a@example.com"),
        write("b@example.com"),
        write("unknown@example.com"),
        write("full@example.com"),
    )
    good = write("good@example.com")
    with system_context(reason="tests"):
        OutgoingMail.objects.filter(id=unreadable.id).update(content=b"nobody's key")
        OutgoingMail.objects.filter(id=other_release.id).update(content=crypto.encrypt(b'{"format": 99}'))

    assert delivery.send_queued_mail() == 1

    assert [item.recipients for item in mailhost.received] == [["good@example.com"]]
    # What was refused for good is given up, the others are tried again.
    assert [mail.id for mail in queued()] == [unreadable.id, other_release.id, later.id]
    assert "Undecryptable" in str(reason_of(unreadable))
    assert "another release" in str(reason_of(other_release))
    assert str(reason_of(refused)).startswith("Given up: SMTPRecipientsRefused")
    assert "Mailbox full" in str(reason_of(later))
    assert reason_of(good) is None


def test_unreachable_mail_server_fails_no_email_and_retries_keep_the_message_id(
    settings: Any,
) -> None:
    first, second = write("ada@example.com"), write("grace@example.com")
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    assert delivery.send_queued_mail() == 0

    tried, untried = queued()
    assert (tried.attempts, untried.attempts) == (1, 0)
    assert timedelta(0) < tried.due_at - clock.now() <= delivery.CLOCK.waits[0]
    assert (reason_of(first), reason_of(second)) == (None, None)
    message_id = unpack(crypto.decrypt(bytes(first.content))).extra_headers["Message-ID"]

    make_due()
    with mail_server() as (handler, url):
        use_server(settings, url)
        assert delivery.send_queued_mail() == 2

    assert [item.message_id for item in handler.to("ada@example.com")] == [message_id]


def test_email_failing_every_attempt_is_abandoned_and_shown_to_staff(settings: Any) -> None:
    mail = write("ada@example.com")
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    for attempts in range(1, delivery.CLOCK.attempts):
        make_due()
        delivery.send_queued_mail()
        assert [row.attempts for row in queued()] == [attempts]

    make_due()
    delivery.send_queued_mail()

    assert queued() == []
    assert "Given up: ConnectionRefusedError" in str(reason_of(mail))


def test_silent_mail_server_times_out_outside_any_transaction(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("ada@example.com")
    settings.EMAIL_TIMEOUT = 1
    released, in_transaction = threading.Event(), []
    original = unpack

    def look(packed: bytes) -> Any:
        in_transaction.append(transaction.get_connection().in_atomic_block)
        return original(packed)

    monkeypatch.setattr(delivery, "unpack", look)
    with raw_server(lambda connection: released.wait(30) and None) as url:
        use_server(settings, url)
        assert delivery.send_queued_mail() == 0
        released.set()

    assert in_transaction == [False]
    assert [mail.attempts for mail in queued()] == [1]


def test_app_role_can_insert_mail_but_not_read_it() -> None:
    send_mail("Hello", "Hi", None, ["ada@example.com"])

    with pytest.raises(Exception, match="permission denied for table core_outgoingmail"):
        OutgoingMail.objects.count()
