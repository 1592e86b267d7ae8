"""Makes one attempt: signs and sends the request, and returns the outcome. No database access."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import structlog

from core import clock, tracing
from core.outbound import OutboundError, OutboundRequest, UrlRefusedError
from core.outbound.client import OutboundClient
from core.values import ids
from webhooks import signing
from webhooks.delivery.claim import ClaimedDelivery
from webhooks.delivery.limits import Limits
from webhooks.delivery.outcome import MAX_EXCERPT_BYTES, AttemptOutcome

USER_AGENT = "Pomelo-Webhooks/1"
log = structlog.get_logger(__name__)


async def attempt(job: ClaimedDelivery, client: OutboundClient, limits: Limits) -> AttemptOutcome:
    """Send a claimed delivery once, as part of its trace if tracing is on. Never raises because of the receiver."""
    if not tracing.is_on():
        return await _attempt(job, client, limits)
    attributes: tracing.Attributes = {
        "messaging.message.id": ids.encode("evt", job.event_id),
        "pomelo.delivery": ids.encode("dlv", job.delivery_id),
        "pomelo.attempt": job.number,
        "server.address": urlsplit(job.destination.url).hostname or "",
    }
    with tracing.span(
        "webhooks.deliver", kind="client", parent=job.traceparent, attributes=attributes
    ) as span:
        outcome = await _attempt(job, client, limits)
        if outcome.status_code is not None:
            span.set_attribute("http.response.status_code", outcome.status_code)
        if not outcome.succeeded:
            span.set_attribute("error.type", outcome.error or str(outcome.status_code))
        return outcome


async def _attempt(job: ClaimedDelivery, client: OutboundClient, limits: Limits) -> AttemptOutcome:
    started = time.perf_counter()
    if job.problem:
        return AttemptOutcome(job, clock.now(), 0, error=job.problem)
    request = OutboundRequest(
        url=job.destination.url,
        headers=request_headers(job),
        body=job.body,
        connect_timeout=limits.connect_timeout,
        total_timeout=limits.total_timeout,
        max_response_bytes=MAX_EXCERPT_BYTES,
        owner=job.company_id.hex,
        status_suffices=True,
        repeatable=True,  # receivers deduplicate by webhook-id
    )
    try:
        answer = await client.send(request)
    except (OutboundError, UrlRefusedError) as error:
        kind = error.kind if isinstance(error, OutboundError) else "url_refused"
        log.info(
            "webhooks.attempt_failed",
            event_id=ids.encode("evt", job.event_id),
            endpoint=str(job.endpoint_id),
            kind=kind,
            cause=str(error),
        )
        return AttemptOutcome(job, clock.now(), _elapsed(started), error=kind)
    return AttemptOutcome(
        job,
        clock.now(),
        _elapsed(started),
        status_code=answer.status,
        headers=answer.headers,
        body=answer.body,
    )


def request_headers(job: ClaimedDelivery) -> dict[str, str]:
    """Return the headers of an attempt: the endpoint's custom ones first, so that they cannot override ours."""
    body = job.body
    return {
        **job.destination.headers,
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        **({tracing.HEADER: traceparent} if (traceparent := tracing.current_traceparent()) else {}),
        **signing.headers(job.destination.secrets, ids.encode("evt", job.event_id), int(time.time()), body),
    }


def _elapsed(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
