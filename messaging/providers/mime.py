"""How an email is written down, the same for every provider that takes one."""

from email.utils import formataddr, formatdate
from typing import Any

from django.core.mail import EmailMessage, EmailMultiAlternatives

from messaging.providers.base import Envelope


def compose(envelope: Envelope, *, connection: Any = None) -> EmailMessage:
    """Return the email of `envelope`, with its own Message-ID and the date at which it was accepted.

    Blind-copied recipients are on the message for the transport's sake; Django writes no header for them.
    """
    shown = {
        kind: [formataddr((t.name, t.address)) for t in envelope.shown if t.kind == kind]
        for kind in ("to", "cc", "bcc")
    }
    message = EmailMultiAlternatives(
        subject=envelope.subject,
        body=envelope.text,
        from_email=envelope.sender,
        to=shown["to"],
        cc=shown["cc"],
        bcc=shown["bcc"],
        reply_to=list(envelope.reply_to),
        headers={"Message-ID": envelope.header_id, "Date": formatdate(envelope.created)},
        connection=connection,
    )
    if envelope.html:
        if envelope.text:
            message.attach_alternative(envelope.html, "text/html")
        else:
            message.body, message.content_subtype = envelope.html, "html"
    return message
