"""The single filter of a usage page or request list: its URL parameters and their validation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode
from uuid import UUID

from core.errors import FieldError
from core.values import ids

Narrowed = Literal["all", "key", "route", "status", "address"]


def is_client_id(text: str) -> bool:
    """Return whether `text` is a valid Client ID."""
    try:
        ids.decode("key", text)
    except ids.InvalidId:
        return False
    return True


def is_path(text: str) -> bool:
    """Return whether `text` can be the path of a route (`/v1/customers/{id}`)."""
    return text.startswith("/") and len(text) <= 200


def is_status(text: str) -> bool:
    """Return whether `text` can be a status (`404`)."""
    return len(text) == 3 and text.isascii() and text.isdigit() and text[0] in "12345"


# The dimensions a page can be filtered by, and their URL parameters.
_EXAMPLES = {"key": "key_01h455vb4pex5vsknk084sn02q", "route": "GET /v1/customers", "status": "404"}


def invalid_parameters(parameters: Mapping[str, str]) -> list[FieldError]:
    """Return the errors of the URL parameters: invalid values, and more than one filter at a time."""
    asked = [name for name in _EXAMPLES if parameters.get(name)]
    if len(asked) > 1:
        return [FieldError(asked[-1], "contradictory", f"Send one of {', '.join(asked)}.")]
    if asked and not UsageFilter.asked_for(parameters).value:
        [name] = asked
        return [FieldError(name, "invalid", f"Write it as in {_EXAMPLES[name]}.")]
    return []


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """One key, route, status or address, by its value in the roll-ups; without one, everything."""

    dimension: Narrowed = "all"
    value: str = ""

    @classmethod
    def asked_for(cls, parameters: Mapping[str, str]) -> "UsageFilter":
        """Parse the URL parameters. Invalid values do not filter."""
        if key := parameters.get("key", ""):
            return cls("key", ids.decode("key", key).hex) if is_client_id(key) else cls()
        route = parameters.get("route", "")
        if is_path(route.partition(" ")[2]):
            return cls("route", route)
        status = parameters.get("status", "")
        return cls("status", status) if is_status(status) else cls()

    @property
    def asked(self) -> str:
        """The value as a URL parameter."""
        return (
            ids.encode("key", UUID(hex=self.value)) if self.dimension == "key" and self.value else self.value
        )

    @property
    def query(self) -> str:
        """The query string of its usage page; empty without a filter, and for a dimension without a page."""
        return (
            urlencode({str(self.dimension): self.asked}) if self.value and self.dimension != "address" else ""
        )

    @property
    def requests(self) -> dict[str, str]:
        """The corresponding filters of the request list."""
        if not self.value:
            return {}
        if self.dimension == "route":
            method, _, path = self.value.partition(" ")
            return {"method": method, "route": path}
        return {"ip" if self.dimension == "address" else self.dimension: self.asked}
