"""Makes one try: signs, calls, and says what came of it. Touches no database."""

from __future__ import annotations

import time

import structlog

from core import clock, ids
from core.outbound import OutboundClient, OutboundError, OutboundRequest, UrlRefusedError
from webhooks import signing
from webhooks.delivery.claim import Job
from webhooks.delivery.limits import Limits
from webhooks.delivery.outcome import MAX_EXCERPT_BYTES, Outcome

USER_AGENT = "Pomelo-Webhooks/1"
log = structlog.get_logger(__name__)


async def attempt(job: Job, client: OutboundClient, limits: Limits) -> Outcome:
    """Send a claimed delivery once. Never raises for what the receiver does."""
    started = time.perf_counter()
    if job.problem:
        return Outcome(job, clock.now(), 0, error=job.problem)
    request = OutboundRequest(
        url=job.destination.url,
        headers=request_headers(job),
        body=job.body,
        connect_timeout=limits.connect_timeout,
        total_timeout=limits.total_timeout,
        max_response_bytes=MAX_EXCERPT_BYTES,
        owner=job.company_id.hex,
        status_suffices=True,
        repeatable=True,  # receivers recognise a repetition by webhook-id
    )
    try:
        answer = await client.send(request)
    except (OutboundError, UrlRefusedError) as error:
        kind = error.kind if isinstance(error, OutboundError) else "url_refused"
        log.info("webhooks.attempt_failed", endpoint=str(job.endpoint_id), kind=kind, cause=str(error))
        return Outcome(job, clock.now(), _elapsed(started), error=kind)
    return Outcome(
        job,
        clock.now(),
        _elapsed(started),
        status_code=answer.status,
        headers=answer.headers,
        body=answer.body,
    )


def request_headers(job: Job) -> dict[str, str]:
    """Return the headers of a try: the endpoint's own first, so that none of them can replace one of ours."""
    body = job.body
    return {
        **job.destination.headers,
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        **signing.headers(job.destination.secrets, ids.encode("evt", job.event_id), int(time.time()), body),
    }


def _elapsed(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
