"""The outcome of an attempt and the resulting delivery status. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

from webhooks import retry
from webhooks.delivery.claim import ClaimedDelivery

MAX_EXCERPT_BYTES = 4_096
MAX_HEADER_CHARACTERS = 4_096
ABORT_HEADER = "webhook-delivery"
# A worker that crashes while sending leaves a claim without an attempt. A delivery that keeps causing this is given up.
MAX_LOST_CLAIMS = 20


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """One finished attempt: `status_code` or `error` (an OutboundError's kind), and when it ended."""

    job: ClaimedDelivery
    finished_at: datetime
    duration_ms: int
    status_code: int | None = None
    error: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def succeeded(self) -> bool:
        """Whether the response was a 2xx."""
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """The delivery's next status; `delay` is the wait before the next attempt, if any."""

    status: str
    delay: timedelta | None = None
    endpoint_gone: bool = False


def classify(outcome: AttemptOutcome, *, jitter: float) -> Verdict:
    """Return the verdict on an attempt. `jitter` is a random number from [0, 1]."""
    if outcome.succeeded:
        return Verdict("succeeded")
    if outcome.status_code == HTTPStatus.GONE:
        return Verdict("canceled", endpoint_gone=True)
    if outcome.headers.get(ABORT_HEADER, "").strip().lower() in ("abort", "abort-message"):
        return Verdict("canceled")
    job, now = outcome.job, outcome.finished_at
    if job.number - job.failures > retry.CLOCK.attempts + MAX_LOST_CLAIMS and not job.manual:
        return Verdict("exhausted")
    asked = retry.parse_retry_after(outcome.headers.get("retry-after"), outcome.status_code or 0, now)
    due = retry.next_attempt_at(job.failures + 1, now, jitter=jitter, retry_after=asked)
    return Verdict("exhausted") if due is None else Verdict("retrying", delay=due - now)


def excerpt(body: bytes) -> str:
    """Return the beginning of a response body as text that PostgreSQL can store."""
    return body[:MAX_EXCERPT_BYTES].decode("utf-8", "replace").replace("\x00", "\ufffd")


def shown_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the response headers to store: without cookies, at most four kilobytes."""
    kept: dict[str, str] = {}
    left = MAX_HEADER_CHARACTERS
    for name, value in headers.items():
        left -= len(name) + len(value)
        if left < 0:
            break
        if name != "set-cookie":
            kept[name] = value.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    return kept
