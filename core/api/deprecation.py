"""Deprecated operations and versions, announced in the `Deprecation` (RFC 9745) and `Sunset` (RFC 8594) response headers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.http import http_date

# The deprecation policy on this installation, for the `Link` header.
POLICY_PATH = "/docs/versions/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """The deprecation of an operation or a version.

    `since` and `sunset` are aware datetimes; without a `sunset`, no end date is set yet. `instead` is a sentence on what to use.
    """

    since: datetime
    sunset: datetime | None = None
    instead: str

    def __post_init__(self) -> None:
        """Reject a sunset before the start of the deprecation (RFC 9745 §4)."""
        if self.sunset is not None and self.sunset < self.since:
            raise ValueError("A sunset cannot be earlier than the deprecation.")

    def has_ended(self, now: datetime) -> bool:
        """Return whether the sunset has passed."""
        return self.sunset is not None and now >= self.sunset


def deprecation_of(view: Any, method: str | None) -> Deprecation | None:
    """Return the deprecation of the view's action or `method`; None when it is not deprecated."""
    declared: Mapping[str, Deprecation] = getattr(view, "deprecations", {})
    action = getattr(view, "action", None)
    return declared.get(action or "") or declared.get((method or "").upper())


def headers_of(found: Sequence[Deprecation]) -> dict[str, str]:
    """Return the headers for a response affected by all of `found`, which is not empty: the earliest date of each kind."""
    link = f"{settings.PUBLIC_URL}{POLICY_PATH}"
    headers = {"Deprecation": f"@{int(min(each.since for each in found).timestamp())}"}
    links = [f'<{link}>; rel="deprecation"; type="text/html"']
    ends = [each.sunset for each in found if each.sunset is not None]
    if ends:
        headers["Sunset"] = http_date(min(ends).timestamp())
        links.append(f'<{link}>; rel="sunset"; type="text/html"')
    headers["Link"] = ", ".join(links)
    return headers
