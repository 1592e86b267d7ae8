"""Sends queued email: claims a row by lease, sends outside any transaction, deletes the row. Survives worker crashes."""

import time
from datetime import timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused

import structlog
from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from prometheus_client import Counter, Gauge

from core import clock
from core.background import set_aside
from core.background.retry import RetryClock
from core.mail.backend import unpack
from core.models import OutgoingMail
from core.postgres.outside import outside_transactions
from core.security import crypto
from core.tenancy import system_context

BATCH = "core.send_mail"
# Longer than sending one email can take, as every SMTP step has a timeout (EMAIL_TIMEOUT).
LEASE = timedelta(minutes=5)
# After the last attempt, a day and a half after it was queued, an email is given up.
CLOCK = RetryClock.of_seconds(10, 30, 120, 600, 1800, 3600, 2 * 3600, 4 * 3600, 6 * 3600, 8 * 3600, 12 * 3600)
PERMANENT = range(500, 600)

log = structlog.get_logger("pomelo.mail")
MAILS = Counter("pomelo_mails_total", "Delivery attempts of platform emails, by outcome", ["outcome"])
AGE = Gauge(
    "pomelo_mail_age_seconds",
    "Age of the oldest queued platform email",
    multiprocess_mode="mostrecent",
)


def send_queued_mail(*, seconds: float = 20.0) -> int:
    """Send due emails for at most `seconds`. Return how many the mail server accepted.

    Stops early if the server is unreachable, because every other email would fail too. A refused email is retried later, or
    given up if the refusal is permanent. In both cases it is set aside, where staff can see it.
    """
    stop, sent = time.monotonic() + seconds, 0
    transport = get_connection(settings.MAIL_TRANSPORT)
    try:
        while time.monotonic() < stop and (mail := _claim()) is not None:
            try:
                _send(transport, mail)
            except Exception as error:
                if set_aside.concerns_all(error):
                    raise
                if not _postpone(mail, error):
                    break
            else:
                sent += 1
    finally:
        _close(transport)
        _measure_age()
    return sent


def _claim() -> OutgoingMail | None:
    now = clock.now()
    with system_context(reason="claim due email"):
        due = OutgoingMail.objects.filter(due_at__lte=now).order_by("due_at")
        mail: OutgoingMail | None = due.select_for_update(skip_locked=True).first()
        if mail is not None:
            mail.due_at = now + LEASE
            mail.attempts += 1
            mail.save(update_fields=["due_at", "attempts"])
    return mail


def _send(transport: BaseEmailBackend, mail: OutgoingMail) -> None:
    outside_transactions("mail")
    transport.send_messages([unpack(crypto.decrypt(bytes(mail.content)))])
    MAILS.labels("sent").inc()
    _remove(mail)
    if mail.attempts > 1:
        set_aside.clear_failure(BATCH, mail.public_id)


def _postpone(mail: OutgoingMail, error: Exception) -> bool:
    """Schedule the next attempt, or give up. Return whether to continue with the next email now."""
    is_own = is_refusal(error)
    wait = CLOCK.wait_after(mail.attempts)
    if wait is None or is_permanent(error):
        MAILS.labels("given_up").inc()
        set_aside.record_failure(BATCH, mail.public_id, f"Given up: {_named(error)}")
        _remove(mail)
        return is_own
    MAILS.labels("postponed").inc()
    if is_own:
        set_aside.record_failure(BATCH, mail.public_id, error, row_id=mail.id)
    else:
        log.warning("mail.server_unavailable", mail=mail.public_id, error=_named(error))
    with system_context(reason="reschedule email"):
        OutgoingMail.objects.filter(id=mail.id, attempts=mail.attempts).update(due_at=clock.now() + wait)
    return is_own


def is_refusal(error: Exception) -> bool:
    """Whether `error` concerns this email rather than an unreachable or misconfigured server."""
    if isinstance(error, (SMTPRecipientsRefused, SMTPDataError)):
        return True
    # The other SMTPExceptions concern the server: connection, greeting, authentication, sender.
    return not isinstance(error, OSError)


def is_permanent(error: Exception) -> bool:
    """Whether retrying is pointless, because of the server's response or the email itself."""
    if isinstance(error, SMTPRecipientsRefused):
        return all(code in PERMANENT for code, _ in error.recipients.values())
    if isinstance(error, SMTPDataError):
        return error.smtp_code in PERMANENT
    return False


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _remove(mail: OutgoingMail) -> None:
    with system_context(reason="delete sent email"):
        OutgoingMail.objects.filter(id=mail.id).delete()


def _close(transport: BaseEmailBackend) -> None:
    try:
        transport.close()
    except Exception as error:  # the email has been sent, even if closing the connection fails
        log.warning("mail.close_failed", error=_named(error))


def _measure_age() -> None:
    with system_context(reason="measure the email queue"):
        oldest = OutgoingMail.objects.order_by("id").values_list("created", flat=True).first()
    AGE.set(max((clock.now() - oldest).total_seconds(), 0.0) if oldest else 0.0)
