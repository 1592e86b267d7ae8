"""What is asked of the outbound client, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_RESPONSE_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """One call. Times are seconds; `total_timeout` is a deadline for everything, also for a trickling answer.

    `repeatable` says that the receiver can recognise a repetition, so that a call that fell into a kept-alive
    connection just being closed may be made once more at once. `status_suffices` says that the status is all that is
    wanted: once it is known, a body that is cut short, broken or late takes nothing back. `owner` is on whose behalf it is made: what one owner's
    receivers hold up is bounded, and other owners' calls do not wait for it.
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
    """A complete answer; `body` is cut after the request's `max_response_bytes`, `headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes
    truncated: bool
    duration_ms: int
