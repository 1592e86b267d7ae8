"""Django's EMAIL_BACKEND: stores each email as a row in the current transaction. A job sends it (core.mail.delivery)."""

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
# The format of a stored email. Rows in an unknown format are set aside.
FORMAT = 1


class QueuedBackend(BaseEmailBackend):
    """Stores emails without sending them. `MAIL_TRANSPORT` names the backend that sends them."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store the emails and return how many. Raises BadHeaderError and UnicodeError for one that cannot be serialized."""
        rows = [
            OutgoingMail(content=crypto.encrypt(pack(message)), due_at=clock.now())
            for message in email_messages
        ]
        OutgoingMail.objects.bulk_create(rows)
        jobs.wake(SEND_TASK)
        return len(rows)


def pack(message: EmailMessage) -> bytes:
    """Serialize an email for `unpack`. Raises ValueError for attachments, which are not supported."""
    if message.attachments:
        raise ValueError("Platform emails cannot have attachments.")
    # The same for every attempt, so that receivers can drop duplicates.
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
    # Fail here, where the caller can report it, rather than at every delivery attempt.
    unpack(packed).message().as_bytes()
    return packed


def unpack(packed: bytes) -> EmailMultiAlternatives:
    """Deserialize an email from `pack`. Raises ValueError for another release's format."""
    fields = orjson.loads(packed)
    if fields.pop("format", None) != FORMAT:
        raise ValueError("This email was stored by another release.")
    subtype, alternatives = fields.pop("subtype"), fields.pop("alternatives")
    message = EmailMultiAlternatives(**fields)
    message.content_subtype = subtype
    for content, mimetype in alternatives:
        message.attach_alternative(content, mimetype)
    return message
