"""Django's EMAIL_BACKEND: a mail becomes a row, in the transaction that is open; the job sends it (core.mail.delivery)."""

from collections.abc import Sequence
from email.utils import make_msgid
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from core import clock
from core.background import jobs
from core.models import OutgoingMail
from core.security import crypto

SEND_TASK = "core.send_mail"
# Of what a row holds. A row of a version that this release does not know is set aside, not guessed at.
FORMAT = 1


class QueuedBackend(BaseEmailBackend):
    """Takes every mail at once and sends none: `MAIL_TRANSPORT` names the backend that does."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the mails down; return how many. Raises BadHeaderError and UnicodeError for one that cannot be written."""
        rows = [
            OutgoingMail(content=crypto.encrypt(pack(message)), due_at=clock.now())
            for message in email_messages
        ]
        OutgoingMail.objects.bulk_create(rows)
        jobs.wake(SEND_TASK)
        return len(rows)


def pack(message: EmailMessage) -> bytes:
    """Return a mail as bytes that `unpack` reads. Raises ValueError for attachments, which no mail of ours has."""
    if message.attachments:
        raise ValueError("Mails of our own have no attachments.")
    # The same at every try, so that a receiver can drop what it got twice.
    headers = {
        "Message-ID": make_msgid(domain=urlsplit(settings.PUBLIC_URL).hostname),
        **message.extra_headers,
    }
    fields: dict[str, Any] = {
        "format": FORMAT,
        "subject": str(message.subject),
        "body": str(message.body),
        "from_email": str(message.from_email),
        "to": message.to,
        "cc": message.cc,
        "bcc": message.bcc,
        "reply_to": message.reply_to,
        "headers": headers,
        "subtype": message.content_subtype,
        "alternatives": [
            [str(content), mimetype] for content, mimetype in getattr(message, "alternatives", None) or ()
        ],
    }
    packed = orjson.dumps(fields)
    # What cannot be written as a mail is refused here, where somebody can say so, and not at every try.
    unpack(packed).message().as_bytes()
    return packed


def unpack(packed: bytes) -> EmailMultiAlternatives:
    """Return the mail that `pack` made bytes of. Raises ValueError for another release's format."""
    fields = orjson.loads(packed)
    if fields.pop("format", None) != FORMAT:
        raise ValueError("This mail was written by another release.")
    subtype, alternatives = fields.pop("subtype"), fields.pop("alternatives")
    message = EmailMultiAlternatives(**fields)
    message.content_subtype = subtype
    for content, mimetype in alternatives:
        message.attach_alternative(content, mimetype)
    return message
