"""What messaging finds: messages and templates by identifier, and suppressed addresses."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from core.ui.finding import Found, by_identifier
from core.values.email_addresses import InvalidEmail, parse_email
from messaging.models import Message, Suppression, Template


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


def _message(row: Any) -> str:
    return reverse("messaging:detail", args=[row.public_id])


def _template(row: Any) -> str:
    return reverse("messaging:template", args=[row.public_id])


def _suppression(row: Any) -> str:
    return f"{reverse('messaging:suppressions')}?{urlencode({'address': row.address})}"
