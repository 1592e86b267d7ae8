"""The sending engine: claim, call the provider outside of any transaction, write down what it said.

Rows are the truth. A worker that dies, at whatever moment, leaves leases that run out; its messages are then sent by
another one. What had been handed over but not yet written down is sent twice, with the same Message-ID: at most
`FLUSH` messages for each worker that dies.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from queue import SimpleQueue

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from prometheus_client import Counter, Histogram

from core import clock
from core.principal import Principal
from core.tenancy import Tenant, tenant_context
from messaging.channels import get_channel
from messaging.models import Message, Recipient, Status
from messaging.providers import load_provider, provider_name
from messaging.providers.base import CALL_SECONDS, Envelope, Result, Target, same_for_all
from messaging.retry import delay_after
from messaging.services.claiming import BATCH, Job, claim_due
from messaging.services.outcomes import OURSELVES, News, lock_messages, recipients_of, record_news

# Results written down in one transaction.
FLUSH = 16
# A message that was claimed this often without an end kills the workers that take it.
MAX_CLAIMS = 100
DEFERRED = "deferred"
# PostgreSQL may restart while results wait to be written: they are kept this long rather than sent again.
RECORD_PAUSES = (0.2, 1.0, 3.0, 10.0)

log = structlog.get_logger(__name__)
OUTCOMES = Counter("pomelo_messages_total", "What providers said about recipients", ["channel", "outcome"])
CALL_TIME = Histogram("pomelo_message_call_seconds", "Duration of calls to providers", ["channel"])
STALE = Counter("pomelo_messages_stale_total", "Results that came after another worker had taken the message")

ACTOR = Principal.system("messaging.sender")


@dataclass(slots=True)
class _Part:
    """One call of a job. Channels that show recipients to each other have one per message, others one per recipient."""

    job: Job
    envelope: Envelope
    results: list[Result] | None = None  # None: the call was not begun, its time had run out


@dataclass(slots=True)
class _Progress:
    """What is known of one job so far."""

    job: Job
    parts_left: int
    news: list[News] = field(default_factory=list)
    deferred: dict[uuid.UUID, News] = field(default_factory=dict)
    unrecorded: bool = False


def send_due_messages(*, seconds: float = 20.0, batch: int = BATCH) -> int:
    """Send what is due until nothing is left or `seconds` have passed; returns how many messages were taken."""
    stop = time.monotonic() + seconds
    taken = 0
    with ThreadPoolExecutor(settings.MESSAGING_CONCURRENCY, thread_name_prefix="provider") as pool:
        while time.monotonic() < stop:
            jobs = claim_due(call_seconds=CALL_SECONDS, batch=batch)
            if not jobs:
                break
            taken += len(jobs)
            _run(jobs, pool)
    return taken


def _run(jobs: list[Job], pool: ThreadPoolExecutor) -> None:
    """Make every call of the batch in the pool, and write results down in groups as they come back."""
    progress: dict[uuid.UUID, _Progress] = {}
    done: SimpleQueue[_Part] = SimpleQueue()
    under_way = 0
    for job in jobs:
        parts = list(_parts(job))
        state = progress[job.message.id] = _Progress(job, len(parts), _suppressed_news(job))
        state.unrecorded = True
        for part in parts:
            pool.submit(_call, part, done)
            under_way += 1
    waiting = sum(1 for state in progress.values() if not state.parts_left)
    while under_way:
        part = done.get()
        under_way -= 1
        state = progress[part.job.message.id]
        state.parts_left -= 1
        state.news += (told := _news_of(part))
        state.deferred |= {item.recipient_id: item for item in told if item.kind == DEFERRED}
        state.unrecorded = True
        waiting += 1
        if waiting >= FLUSH:
            _record(progress.values())
            waiting = 0
    _record(progress.values())


def _parts(job: Job) -> Iterator[_Part]:
    message, channel = job.message, get_channel(job.message.channel)
    shown = tuple(_target(row) for row in job.recipients)
    targets = tuple(_target(row) for row in job.waiting if row.id not in job.suppressed)
    if not targets or message.attempt > MAX_CLAIMS:
        return
    for group in [targets] if channel.together else [(target,) for target in targets]:
        envelope = Envelope(
            message_id=message.id,
            tenant=message.tenant,
            channel=message.channel,
            sender=message.sender,
            targets=group,
            shown=shown,
            reply_to=tuple(message.reply_to),
            subject=message.subject,
            text=message.text,
            html=message.html,
            tags=tuple(message.tags),
            created=message.created.timestamp(),
        )
        yield _Part(job, envelope)


def _target(row: Recipient) -> Target:
    return Target(row.id, row.address, row.name, row.kind)


def _call(part: _Part, done: "SimpleQueue[_Part]") -> None:
    """Make one call in a thread of the pool. The database is not touched here."""
    envelope = part.envelope
    try:
        if time.monotonic() < part.job.begin_by:
            provider = load_provider(provider_name(get_channel(envelope.channel), envelope.tenant.mode))
            with CALL_TIME.labels(envelope.channel).time():
                part.results = provider.send(envelope)
    except (
        Exception
    ) as error:  # the boundary to other people's libraries: one bad call must not stop the batch
        log.exception("messaging.provider_error", message=envelope.public_id)
        part.results = same_for_all(envelope, "deferred", code="provider_error", detail=type(error).__name__)
    finally:
        done.put(part)


def _suppressed_news(job: Job) -> list[News]:
    found = [
        News(
            row.id,
            Status.SUPPRESSED,
            OURSELVES,
            code="suppressed",
            detail="The address is on the suppression list.",
            attempt=job.message.attempt,
        )
        for row in job.waiting
        if row.id in job.suppressed
    ]
    if job.message.attempt > MAX_CLAIMS:
        found += [
            News(
                row.id,
                Status.FAILED,
                OURSELVES,
                code="too_many_attempts",
                detail=f"Given up after {MAX_CLAIMS} interrupted tries.",
                attempt=job.message.attempt,
            )
            for row in job.waiting
            if row.id not in job.suppressed
        ]
    return found


def _news_of(part: _Part) -> list[News]:
    source = provider_name(get_channel(part.envelope.channel), part.envelope.tenant.mode)
    found = []
    for result in part.results or ():
        OUTCOMES.labels(part.envelope.channel, result.outcome).inc()
        found.append(
            News(
                result.recipient_id,
                result.outcome,
                source,
                code=result.code,
                detail=result.detail,
                provider_id=result.provider_id,
                attempt=part.job.message.attempt,
                suppress=result.suppress,
            )
        )
    return found


def _record(states: Iterable[_Progress]) -> None:
    """Write down what is new of every job, one transaction for each tenant."""
    by_tenant: dict[Tenant, list[_Progress]] = defaultdict(list)
    for state in states:
        if state.unrecorded and (state.news or not state.parts_left):
            by_tenant[state.job.tenant].append(state)
    for tenant, group in by_tenant.items():
        _record_in(tenant, group)
        for state in group:
            state.news, state.unrecorded = [], False


def _record_in(tenant: Tenant, group: list[_Progress]) -> None:
    for pause in (*RECORD_PAUSES, None):
        try:
            with tenant_context(tenant):
                _record_group(group)
        except (OperationalError, InterfaceError) as error:
            if pause is None:
                raise
            # Writing twice is harmless: what is known already cannot follow itself.
            log.warning("messaging.record_again", error=str(error), pause_seconds=pause)
            connection.close()
            time.sleep(pause)
        else:
            return


def _record_group(group: list[_Progress]) -> None:
    locked = lock_messages(state.job.message.id for state in group)
    current = {}
    for state in group:
        message = locked.get(state.job.message.id)
        if message is None or message.attempt != state.job.message.attempt:
            STALE.inc()
            log.warning("messaging.stale_result", message=state.job.message.public_id)
            continue
        current[message.id] = (message, state)
    if not current:
        return
    recipients = recipients_of(current)
    news = []
    for message, state in current.values():
        news += state.news
        if not state.parts_left:
            news += _reschedule(message, state, recipients.values())
    record_news(
        messages={key: message for key, (message, _) in current.items()},
        recipients=recipients,
        news=news,
        actor=ACTOR,
    )


def _reschedule(message: Message, state: _Progress, recipients: Iterable[Recipient]) -> list[News]:
    """Set when a message with recipients that still wait is due again; give them up when it was tried often enough.

    Has no effect on a message whose recipients have all come to an end: `record_news` settles it.
    """
    told = {item.recipient_id for item in state.news if item.kind != DEFERRED}
    left = [
        row
        for row in recipients
        if row.message_id == message.id and row.status == Status.QUEUED and row.id not in told
    ]
    if not left or message.due_at is None:
        return []
    delay = None
    if state.deferred:
        message.deferrals += 1
        delay = delay_after(message.deferrals)
    # Without a delay: calls that were not begun in time are simply due, and what was tried often enough is given up.
    message.due_at = clock.now() + (delay or timedelta())
    if delay is not None:
        return []
    return [
        News(
            row.id,
            Status.FAILED,
            OURSELVES,
            code="retries_exhausted",
            detail=state.deferred[row.id].detail,
            attempt=message.attempt,
        )
        for row in left
        if row.id in state.deferred
    ]
