"""Search providers of messaging: messages and templates by ID, and suppressed addresses."""

from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from core.ui.finding import Found, Named, by_identifier, name_rows
from core.values.email_addresses import InvalidEmail, parse_email
from messaging.models import Message, SenderDomain, Suppression, Template


def find(text: str) -> Iterator[Found]:
    """Yield the message or the suppression that `text` names."""
    yield from by_identifier(
        text,
        {
            Message: ("Message", _message),
            Suppression: ("Suppression", _suppression),
            Template: ("Template", _template),
        },
    )
    try:
        address = parse_email(text).lower()
    except InvalidEmail:
        address = text
    for row in Suppression.objects.filter(address_normalized=address)[:10]:
        yield Found(row, "Suppression", row.address, _suppression(row))


def name(identifiers: Collection[str]) -> Iterator[tuple[str, Named]]:
    """Yield messages by identifier, and templates, domains and senders by name."""
    yield from name_rows(
        identifiers,
        {
            Message: (None, _message),
            Template: (lambda row: row.name, _template),
            SenderDomain: (
                lambda row: row.domain,
                lambda row: reverse("messaging:sender_domain", args=[row.public_id]),
            ),
        },
    )


def _message(row: Any) -> str:
    return reverse("messaging:detail", args=[row.public_id])


def _template(row: Any) -> str:
    return reverse("messaging:template", args=[row.public_id])


def _suppression(row: Any) -> str:
    return f"{reverse('messaging:suppressions')}?{urlencode({'address': row.address})}"
