"""How an email is written down, the same for every provider that takes one.

The parts are made by Python's own `email.message`. Its folding of address headers cannot be trusted: up to 3.13 it loses
the comma between two names that are not ASCII (CVE-2025-1795), drops blanks and writes encoded words of more than 75
characters. So the headers that hold what people wrote are folded here, by a policy, as RFC 2047 §5 says.
"""

from collections.abc import Iterable
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formatdate
from typing import Any

from django.core.mail import EmailMultiAlternatives

from core.values.email_addresses import Mailbox, parse_mailbox, shown_name
from messaging.custom_headers import ALLOWED
from messaging.providers.base import Envelope
from messaging.signing import sign

# A line with an encoded word has at most 76 characters, "Reply-To: " before it included (RFC 2047 §2).
_WORD = 64
_LINE = 76
_FOLDED_HERE = frozenset(
    {"from", "to", "cc", "reply-to", "subject", "date", "message-id", "list-unsubscribe"}
    | {name.lower() for name in ALLOWED}
)


class _Wire(EmailPolicy):
    """Keeps the headers of `_FOLDED_HERE` as they are given: ASCII, with a line break before each line that goes on."""

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        """Keep a folded header as it is."""
        return (name, value) if name.lower() in _FOLDED_HERE else super().header_store_parse(name, value)

    def header_fetch_parse(self, name: str, value: Any) -> Any:
        """Return a folded header as it is."""
        return value if name.lower() in _FOLDED_HERE else super().header_fetch_parse(name, value)

    def fold(self, name: str, value: Any) -> str:
        """Return the lines of a header."""
        if name.lower() not in _FOLDED_HERE:
            return super().fold(name, value)
        return f"{name}: {value}".replace("\n", self.linesep) + self.linesep

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return the lines of a header as bytes; all of them are ASCII."""
        return self.fold(name, value).encode("ascii")


# Seven bits: what a server must take that knows no 8BITMIME.
WIRE = _Wire(linesep="\r\n", cte_type="7bit")


def compose(envelope: Envelope) -> EmailMessage:
    """Return the email of `envelope`, with its own Message-ID and the date at which it was accepted.

    Blind-copied recipients are in no header.
    """
    message = EmailMessage(policy=WIRE)
    message["From"] = write_mailboxes([_shown(parse_mailbox(envelope.sender))])
    for header, kind in (("To", "to"), ("Cc", "cc")):
        if shown := [_shown(Mailbox(t.address, t.name)) for t in envelope.shown if t.kind == kind]:
            message[header] = write_mailboxes(shown)
    if envelope.reply_to:
        message["Reply-To"] = write_mailboxes(_shown(parse_mailbox(text)) for text in envelope.reply_to)
    message["Subject"] = write_text(envelope.subject)
    message["Date"] = formatdate(envelope.created)
    message["Message-ID"] = envelope.header_id
    for header, value in unsubscribe_headers(envelope).items():
        message[header] = value
    for header, value in envelope.headers.items():
        message[header] = "\n ".join(value.split(" ")) if len(value) > _WORD else value
    if envelope.text or not envelope.html:
        message.set_content(envelope.text)
        if envelope.html:
            message.add_alternative(envelope.html, subtype="html")
    else:
        message.set_content(envelope.html, subtype="html")
    for attachment in envelope.attachments:
        maintype, _, subtype = attachment.content_type.partition("/")
        message.add_attachment(
            attachment.content,
            maintype=maintype,
            subtype=subtype,
            filename=attachment.filename,
            params={"charset": "utf-8"} if maintype == "text" else None,
        )
    return message


def unsubscribe_headers(envelope: Envelope) -> dict[str, str]:
    """Return the headers by which bulk mail is left with one click (RFC 2369 §3.2, RFC 8058 §3.1); none for other mail."""
    if not envelope.unsubscribe_url:
        return {}
    return {
        "List-Unsubscribe": f"<{envelope.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def compose_signed(envelope: Envelope) -> bytes:
    """Return the email of `envelope` as it goes out, signed by its sender's domain where it comes from one (RFC 6376)."""
    mail = compose(envelope).as_bytes()
    signer = envelope.proof.signer if envelope.proof else None
    return sign(mail, signer) if signer else mail


def compose_for_backend(envelope: Envelope, *, connection: Any) -> EmailMultiAlternatives:
    """Return the same email for one of Django's email backends, which writes the headers itself, if there are any."""
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
    """Return the mailbox as headers show it: a name that was taken in before names were judged may be misleading."""
    return Mailbox(mailbox.address, shown_name(mailbox.name, address=mailbox.address))


def write_mailboxes(mailboxes: Iterable[Mailbox]) -> str:
    """Return addresses as the value of a header, folded: a name in quotes, or in encoded words when it is not ASCII."""
    return ",\n ".join(_write_mailbox(mailbox) for mailbox in mailboxes)


def write_text(text: str) -> str:
    """Return a text as the value of a header, folded at its blanks, or in encoded words where that is not possible."""
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
    """Return the encoded words of a text, none of which ends inside of a character."""
    return Header(text, "utf-8").encode(splitchars="", maxlinelen=_WORD).split("\n ")
