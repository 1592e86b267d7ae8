"""What is going away, said in every answer that comes of it: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.http import http_date

# The policy that `Link` leads to, on this installation.
POLICY_PATH = "/docs/versions/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """An operation or a version that nobody should begin to use.

    `since` and `sunset` are aware moments; without a `sunset` no end has been set yet. `instead` says what to use, as a sentence.
    """

    since: datetime
    sunset: datetime | None = None
    instead: str

    def __post_init__(self) -> None:
        """Refuse an end that comes before the announcement (RFC 9745 §4)."""
        if self.sunset is not None and self.sunset < self.since:
            raise ValueError("A sunset cannot be earlier than the deprecation.")

    def has_ended(self, now: datetime) -> bool:
        """Tell whether the sunset has passed."""
        return self.sunset is not None and now >= self.sunset


def deprecation_of(view: Any, method: str | None) -> Deprecation | None:
    """Return what `view` says of its action, or of `method`; None when it is here to stay."""
    declared: Mapping[str, Deprecation] = getattr(view, "deprecations", {})
    action = getattr(view, "action", None)
    return declared.get(action or "") or declared.get((method or "").upper())


def headers_of(found: Sequence[Deprecation]) -> dict[str, str]:
    """Return the headers of an answer that comes of everything in `found`, which is not empty: the earliest of each moment."""
    link = f"{settings.PUBLIC_URL}{POLICY_PATH}"
    headers = {"Deprecation": f"@{int(min(each.since for each in found).timestamp())}"}
    links = [f'<{link}>; rel="deprecation"; type="text/html"']
    ends = [each.sunset for each in found if each.sunset is not None]
    if ends:
        headers["Sunset"] = http_date(min(ends).timestamp())
        links.append(f'<{link}>; rel="sunset"; type="text/html"')
    headers["Link"] = ", ".join(links)
    return headers
