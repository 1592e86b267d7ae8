"""Email through any service of django-anymail: `MESSAGING_ANYMAIL_BACKEND` is the backend, `ANYMAIL` its settings."""

from collections.abc import Iterator
from typing import Any, ClassVar

from anymail.exceptions import (
    AnymailAPIError,
    AnymailError,
    AnymailRecipientsRefused,
    AnymailUnsupportedFeature,
)
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import get_connection

from messaging.providers.base import Envelope, Result, SendOutcome, is_temporary, same_for_all
from messaging.providers.mime import compose_for_backend

METADATA_NAME = "pomelo_message"
# The service's status for each recipient. Queued and unknown ones are reported later by callbacks.
_OUTCOMES: dict[str | None, SendOutcome] = {
    "sent": "sent",
    "queued": "sent",
    "unknown": "sent",
    "invalid": "bounced",
    "rejected": "suppressed",
    "failed": "failed",
}


class Anymail:
    """The provider `anymail`."""

    name: ClassVar[str] = "anymail"

    @staticmethod
    def carries(channel: str) -> bool:
        """Email only."""
        return channel == "email"

    @staticmethod
    def check_settings() -> Iterator[CheckMessage]:
        """Check the backend, and that `ANYMAIL` has what it needs."""
        backend = settings.MESSAGING_ANYMAIL_BACKEND
        if not backend.startswith("anymail.backends."):
            yield Error(
                f"The provider `anymail` needs MESSAGING_ANYMAIL_BACKEND; it is {backend!r}.",
                hint="Set it to a django-anymail backend, for example anymail.backends.postmark.EmailBackend.",
                id="pomelo.E023",
            )
            return
        try:
            get_connection(backend)
        except (ImproperlyConfigured, ImportError) as error:
            yield Error(
                f"MESSAGING_ANYMAIL_BACKEND cannot be used: {error}",
                hint="Put the provider's settings into ANYMAIL, as JSON (https://anymail.dev/en/stable/esps/).",
                id="pomelo.E023",
            )

    def send(self, envelope: Envelope) -> list[Result]:
        """Send the email through the service. Its status for each recipient is the result."""
        message: Any = compose_for_backend(
            envelope, connection=get_connection(settings.MESSAGING_ANYMAIL_BACKEND)
        )
        wanted = {target.address for target in envelope.targets}
        if len(wanted) < len(envelope.shown):
            # In a retry, only pending recipients are listed, because services have one list for headers and delivery.
            for kind in ("to", "cc", "bcc"):
                setattr(message, kind, [t.address for t in envelope.targets if t.kind == kind])
        message.metadata = {METADATA_NAME: envelope.public_id}
        if envelope.tags:
            message.tags = list(envelope.tags)
        try:
            try:
                message.send()
            except AnymailUnsupportedFeature:
                # Some services support no tags, or only one. Ours are only for our own statistics.
                message.tags = []
                message.send()
        except AnymailRecipientsRefused:
            return _by_recipient(envelope, message)
        except AnymailAPIError as error:
            return _refused(envelope, error)
        except AnymailError as error:
            return same_for_all(envelope, "failed", code="anymail_refused", detail=str(error)[:500])
        return _by_recipient(envelope, message)


def _refused(envelope: Envelope, error: AnymailAPIError) -> list[Result]:
    """Classify a failure as final or temporary by its HTTP status. No response is temporary."""
    status = error.status_code
    if status is not None and 200 <= status < 300:
        # It was accepted. An unreadable rest of the response is no reason to send it twice.
        return same_for_all(envelope, "sent")
    if status is None:
        return same_for_all(envelope, "deferred", code="anymail_connection", detail=str(error)[:500])
    outcome: SendOutcome = "deferred" if is_temporary(status) else "failed"
    return same_for_all(envelope, outcome, code=f"anymail_{status}", detail=str(error)[:500])


def _by_recipient(envelope: Envelope, message: Any) -> list[Result]:
    statuses = {address.lower(): status for address, status in message.anymail_status.recipients.items()}
    results = []
    for target in envelope.targets:
        status = statuses.get(target.address.lower())
        outcome = _OUTCOMES[status.status if status else "unknown"]
        results.append(
            Result(
                target.recipient_id,
                outcome,
                code="" if outcome == "sent" else f"anymail_{status.status if status else 'unknown'}",
                provider_id=(status.message_id or "") if status else "",
                suppress=outcome == "bounced",
            )
        )
    return results


PROVIDER = Anymail
