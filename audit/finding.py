"""Search for requests and audit entries by id."""

from collections.abc import Collection, Iterator
from typing import Any

from django.urls import reverse

from audit.models import AuditEntry, RequestLog
from core.ui.finding import Found, Named, by_identifier, name_rows


def find(text: str) -> Iterator[Found]:
    """Yield the request or entry with the id `text`."""
    yield from by_identifier(text, {RequestLog: ("Request", _request), AuditEntry: ("Audit entry", _entry)})


def name(identifiers: Collection[str]) -> Iterator[tuple[str, Named]]:
    """Yield names: the ids of requests and entries."""
    yield from name_rows(identifiers, {RequestLog: (None, _request), AuditEntry: (None, _entry)})


def _request(row: Any) -> str:
    return reverse("audit:request", args=[row.public_id])


def _entry(row: Any) -> str:
    return reverse("audit:entry", args=[row.public_id])
