"""Composes emails, the same for all providers.

Headers with user-supplied text are folded here according to RFC 2047 §5, because Python's folding of address headers is unreliable.
Up to 3.13 it loses the comma between two non-ASCII names (CVE-2025-1795), drops spaces and writes encoded words longer than 75
characters.
"""

import re
from collections.abc import Iterable, Iterator
from email.header import Header
from email.utils import formatdate
from typing import Any

from django.core.mail import EmailMultiAlternatives

from core.values.email_addresses import Mailbox, parse_mailbox, shown_name
from messaging.mime_bodies import write_body
from messaging.providers.base import Envelope
from messaging.signing import sign

# A line with an encoded word has at most 76 characters, "Reply-To: " before it included (RFC 2047 §2).
_WORD = 64
_LINE = 76
_ONE_BLANK = re.compile("(?<! ) (?! )")


def compose(envelope: Envelope) -> bytes:
    """Return the email of `envelope`, with its Message-ID and the date it was accepted: the same bytes for every attempt.

    It is 7-bit with CRLF. Bcc recipients are in no header.
    """
    head = "".join(f"{name}: {value}\n" for name, value in _headers(envelope)).replace("\n", "\r\n")
    body = write_body(
        text=envelope.text,
        html=envelope.html,
        attachments=envelope.attachments,
        # Unpredictable for the author of a text, since the message's ID is assigned afterwards.
        boundary=f"=_{envelope.public_id}",
    )
    return head.encode("ascii") + body


def _headers(envelope: Envelope) -> Iterator[tuple[str, str]]:
    """Yield header names and folded values."""
    yield "From", write_mailboxes([_shown(parse_mailbox(envelope.sender))])
    for header, kind in (("To", "to"), ("Cc", "cc")):
        if shown := [_shown(Mailbox(t.address, t.name)) for t in envelope.shown if t.kind == kind]:
            yield header, write_mailboxes(shown)
    if envelope.reply_to:
        yield "Reply-To", write_mailboxes(_shown(parse_mailbox(text)) for text in envelope.reply_to)
    yield "Subject", write_text(envelope.subject)
    yield "Date", formatdate(envelope.created)
    yield "Message-ID", envelope.header_id
    yield from unsubscribe_headers(envelope).items()
    for header, value in envelope.headers.items():
        # At single spaces only, because a line of only spaces would end the headers for some servers.
        yield header, _ONE_BLANK.sub("\n ", value) if len(value) > _WORD else value
    yield "MIME-Version", "1.0"


def unsubscribe_headers(envelope: Envelope) -> dict[str, str]:
    """Return the one-click unsubscribe headers of bulk email (RFC 2369 §3.2, RFC 8058 §3.1); none for other email."""
    if not envelope.unsubscribe_url:
        return {}
    return {
        "List-Unsubscribe": f"<{envelope.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def compose_signed(envelope: Envelope) -> bytes:
    """Return the email of `envelope` as sent, DKIM-signed if its sender has a domain (RFC 6376)."""
    mail = compose(envelope)
    signer = envelope.proof.signer if envelope.proof else None
    return sign(mail, signer) if signer else mail


def compose_for_backend(envelope: Envelope, *, connection: Any) -> EmailMultiAlternatives:
    """Return the same email for a Django email backend, which writes the headers itself."""
    shown = {
        kind: [str(_shown(Mailbox(t.address, t.name))) for t in envelope.shown if t.kind == kind]
        for kind in ("to", "cc", "bcc")
    }
    message = EmailMultiAlternatives(
        subject=envelope.subject,
        body=envelope.text,
        from_email=str(_shown(parse_mailbox(envelope.sender))),
        to=shown["to"],
        cc=shown["cc"],
        bcc=shown["bcc"],
        reply_to=[str(_shown(parse_mailbox(text))) for text in envelope.reply_to],
        headers={
            "Message-ID": envelope.header_id,
            "Date": formatdate(envelope.created),
            **unsubscribe_headers(envelope),
            **envelope.headers,
        },
        connection=connection,
    )
    if envelope.html:
        if envelope.text:
            message.attach_alternative(envelope.html, "text/html")
        else:
            message.body, message.content_subtype = envelope.html, "html"
    for attachment in envelope.attachments:
        message.attach(attachment.filename, attachment.content, attachment.content_type)
    return message


def _shown(mailbox: Mailbox) -> Mailbox:
    """Return the mailbox as shown in headers, without a misleading name stored before names were validated."""
    return Mailbox(mailbox.address, shown_name(mailbox.name, address=mailbox.address))


def write_mailboxes(mailboxes: Iterable[Mailbox]) -> str:
    """Return addresses as a folded header value, with names quoted, or in encoded words if not ASCII."""
    return ",\n ".join(_write_mailbox(mailbox) for mailbox in mailboxes)


def write_text(text: str) -> str:
    """Return text as a header value, folded at spaces, or in encoded words if that is not possible."""
    words = text.split(" ")
    if not text.isascii() or "=?" in text or any(not 0 < len(word) <= _WORD for word in words):
        return "\n ".join(_encode(text))
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) < _WORD:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n ".join(lines)


def _write_mailbox(mailbox: Mailbox) -> str:
    name = mailbox.name
    if not name:
        return mailbox.address
    if not name.isascii() or "=?" in name:
        return "\n ".join([*_encode(name), f"<{mailbox.address}>"])
    quoted = name.replace("\\", r"\\").replace('"', r"\"")
    between = " " if len(quoted) + len(mailbox.address) < _LINE - len('Reply-To: "" <>') else "\n "
    return f'"{quoted}"{between}<{mailbox.address}>'


def _encode(text: str) -> list[str]:
    """Return the encoded words of a text, without splitting characters."""
    return Header(text, "utf-8").encode(splitchars="", maxlinelen=_WORD).split("\n ")
