"""The request and response types of the outbound client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_RESPONSE_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """One call. Times are in seconds; `total_timeout` is a deadline for the whole call, including a slow response body.

    `repeatable` means that the receiver recognizes duplicates, so a call that failed because a kept-alive connection was being
    closed is retried once, immediately. `status_suffices` means that only the status matters: once received, a truncated,
    broken or late body is not an error. `owner` is the party on whose behalf the call is made: the resources that one owner's
    slow receivers can hold are bounded, and calls of other owners do not wait for them.
    """

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    connect_timeout: float = 5.0
    total_timeout: float = 15.0
    max_response_bytes: int = MAX_RESPONSE_BYTES
    repeatable: bool = False
    status_suffices: bool = False
    owner: str = ""


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """A complete response; `body` is truncated to the request's `max_response_bytes`, `headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes
    truncated: bool
    duration_ms: int
