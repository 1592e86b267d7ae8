"""The sending engine: claims messages, calls the provider outside of any transaction, and records the results.

All three happen concurrently. Pool threads make the calls; the main thread claims and records, a group at a time, while the calls
of the next group are in progress.

The rows are the source of truth. A worker that dies at any moment leaves leases that expire; another worker then sends its
messages. Calls that had been made but not yet recorded are repeated with the same Message-ID: at most `OUTSTANDING` for each worker
that dies.
"""

import time
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event
from typing import get_args

import structlog
from django.conf import settings
from prometheus_client import Counter, Histogram

from core.background import set_aside
from core.postgres.outside import outside_transactions
from core.tenancy import tenant_context
from messaging.attachments import Attachment
from messaging.channels import channels, get_channel
from messaging.links import unsubscribe_link
from messaging.models import Recipient, Status
from messaging.providers import load_provider, provider_name
from messaging.providers.base import CALL_SECONDS, Envelope, Result, SendOutcome, Target, same_for_all
from messaging.selectors.messages import attachments_of
from messaging.services.claiming import BATCH, ClaimedMessage, claim_due
from messaging.services.outcomes import OURSELVES, RecipientUpdate
from messaging.services.recording import BATCH_NAME, DEFERRED, Progress, record
from messaging.services.senders import SenderNotVerified, prove
from messaging.services.sms_senders import refuse_country

# Results are recorded together, up to this many, and none waits longer than this for others.
FLUSH = 64
FLUSH_SECONDS = 0.2
# Calls started but not yet recorded: enough to keep the pool busy while a group is recorded.
OUTSTANDING = 2 * FLUSH
# The total size of attachments of all calls in progress, which are read when a call starts.
MAX_ATTACHED_BYTES = 33_554_432
# A message that was claimed this often without a result kills the workers that claim it.
MAX_CLAIMS = 100
NO_LONGER = "The company may not, or may no longer, send as this sender."
_KINDS = frozenset(get_args(SendOutcome))

log = structlog.get_logger(__name__)
OUTCOMES = Counter("pomelo_messages_total", "What providers said about recipients", ["channel", "outcome"])
CALL_TIME = Histogram("pomelo_message_call_seconds", "Duration of calls to providers", ["channel"])


@dataclass(slots=True)
class _Part:
    """One call of a job. Channels that show recipients to each other have one per message, others one per recipient."""

    job: ClaimedMessage
    envelope: Envelope
    results: list[Result] | None = None  # None: the call was not started because its time had run out

    @property
    def attached_bytes(self) -> int:
        """The size of the message's attachments."""
        return sum(described["size"] for described in self.job.message.attachments)


def send_due_messages(*, seconds: float = 20.0, batch: int = BATCH) -> int:
    """Send due messages until none is left or `seconds` have passed; return how many were claimed.

    Messages accepted in the meantime have their own wake-up.
    """
    stop = time.monotonic() + seconds
    pool = ThreadPoolExecutor(settings.MESSAGING_CONCURRENCY, thread_name_prefix="provider")
    try:
        sender, may_have_more = _Sender(pool), True
        while True:
            if may_have_more and sender.wants_more and time.monotonic() < stop:
                claim = claim_due(call_seconds=CALL_SECONDS, batch=batch)
                may_have_more = claim.may_have_more
                sender.take(claim.jobs)
            if not sender.is_busy:
                return sender.taken
            sender.record_next()
    finally:
        # Calls that were not started are left to the lease if this thread has failed.
        pool.shutdown(cancel_futures=True)


class _Results:
    """Passes finished calls from the pool's threads to the main thread, waking it once per group."""

    def __init__(self) -> None:
        self._parts: deque[_Part] = deque()
        self._wanted = 0
        self._enough = Event()

    def put(self, part: _Part) -> None:
        """Add a finished call."""
        self._parts.append(part)
        if len(self._parts) >= self._wanted:
            self._enough.set()

    def take(self, wanted: int, seconds: float) -> list[_Part]:
        """Return the finished calls once there are `wanted` of them, or `seconds` have passed."""
        self._wanted = wanted
        self._enough.clear()
        if len(self._parts) < wanted:
            self._enough.wait(seconds)
        return [self._parts.popleft() for _ in range(len(self._parts))]


class _Sender:
    """Keeps calls in progress, and records their results."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.taken = 0
        self._pool = pool
        self._ready: deque[_Part] = deque()
        self._results = _Results()
        self._under_way = 0
        self._attached_bytes = 0
        # Of the message whose calls were started last: each recipient of bulk mail has a call.
        self._attachments: tuple[uuid.UUID | None, tuple[Attachment, ...]] = (None, ())
        self._progress: dict[uuid.UUID, Progress] = {}
        # Jobs with unrecorded results, and the number of those calls.
        self._unwritten: dict[uuid.UUID, Progress] = {}
        self._unwritten_calls = 0
        self._unknown_channels: set[str] = set()

    @property
    def wants_more(self) -> bool:
        """Whether the queue of calls is running low."""
        return len(self._ready) < FLUSH

    @property
    def is_busy(self) -> bool:
        """Whether there are calls to make or results to record."""
        return bool(self._under_way or self._ready or self._unwritten)

    def take(self, jobs: list[ClaimedMessage]) -> None:
        """Queue the calls of newly claimed messages."""
        for job in jobs:
            parts, state = self._line_up(job)
            self._progress[job.message.id] = state
            self._ready.extend(parts)
            if state.updates or not parts:
                self._unwritten[job.message.id] = state
        self.taken += len(jobs)
        self._begin_calls()

    def record_next(self) -> None:
        """Wait for a group of results, and record it while the next calls are in progress."""
        parts = self._results.take(min(FLUSH, self._under_way), FLUSH_SECONDS)
        for part in parts:
            self._note(part)
        states = list(self._unwritten.values())
        record(states)
        self._unwritten.clear()
        self._unwritten_calls = 0
        for state in states:
            if not state.parts_left:
                del self._progress[state.job.message.id]
        self._begin_calls()

    def _line_up(self, job: ClaimedMessage) -> tuple[list[_Part], Progress]:
        """Return the calls of a job; none for a job that cannot be sent now, which is rescheduled."""
        name = job.message.channel
        try:
            parts = list(_parts(job))
            state = Progress(job, len(parts), _suppressed_updates(job))
        except Exception as error:  # one message must not keep the others of the claim from being sent
            set_aside.record_failure(BATCH_NAME, job.message.public_id, error, row_id=job.message.id)
            state = Progress(job, 0)
            self._put_off(state, "unreadable", "The message cannot be read.")
            return [], state
        if name not in channels():
            if name not in self._unknown_channels:
                self._unknown_channels.add(name)
                log.error("messaging.unknown_channel", channel=name, message=job.message.public_id)
            self._put_off(state, "unknown_channel", f"The channel {name} is not set up here.")
        return parts, state

    def _put_off(self, state: Progress, code: str, detail: str) -> None:
        """Defer a message for which no call can be made, as if its provider were unreachable."""
        job = state.job
        ended = {item.recipient_id for item in state.updates}
        for row in job.waiting:
            if row.id not in ended:
                state.deferred[row.id] = RecipientUpdate(
                    row.id,
                    DEFERRED,
                    OURSELVES,
                    code=code,
                    detail=detail,
                    attempt=job.message.attempt,
                )
        state.updates += state.deferred.values()

    def _begin_calls(self) -> None:
        while self._ready and self._under_way + self._unwritten_calls < OUTSTANDING:
            part = self._ready[0]
            if self._attached_bytes and self._attached_bytes + part.attached_bytes > MAX_ATTACHED_BYTES:
                return
            self._ready.popleft()
            self._under_way += 1
            self._attached_bytes += part.attached_bytes
            if self._attach(part):
                self._pool.submit(_call, part, self._results)

    def _attach(self, part: _Part) -> bool:
        """Read the attachments of a call. If they cannot be read, the call is not made, and the message is retried later."""
        message = part.job.message
        if not message.attachments:
            return True
        try:
            if self._attachments[0] != message.id:
                with tenant_context(message.tenant):
                    self._attachments = (message.id, attachments_of(message))
            part.envelope = replace(part.envelope, attachments=self._attachments[1])
        except Exception as error:
            if set_aside.concerns_all(error):
                raise
            set_aside.record_failure(BATCH_NAME, message.public_id, error, row_id=message.id)
            part.results = same_for_all(
                part.envelope, "deferred", code="unreadable", detail="The attachments cannot be read."
            )
            self._results.put(part)
            return False
        return True

    def _note(self, part: _Part) -> None:
        state = self._progress[part.job.message.id]
        updates = _updates_from(part)
        state.parts_left -= 1
        state.updates += updates
        state.deferred |= {item.recipient_id: item for item in updates if item.kind == DEFERRED}
        self._under_way -= 1
        self._attached_bytes -= part.attached_bytes
        self._unwritten[part.job.message.id] = state
        self._unwritten_calls += 1


def _parts(job: ClaimedMessage) -> Iterator[_Part]:
    message, channel = job.message, channels().get(job.message.channel)
    shown = tuple(_target(row) for row in job.recipients)
    targets = tuple(_target(row) for row in job.waiting if row.id not in job.suppressed)
    if channel is None or not targets or message.attempt > MAX_CLAIMS:
        return
    proof = prove(message, job.recipients, channel, job.senders)
    bulk = bool(message.topic)
    # Each recipient of bulk mail has their own link, and so their own email.
    for group in [targets] if channel.together and not bulk else [(target,) for target in targets]:
        envelope = Envelope(
            message_id=message.id,
            tenant=message.tenant,
            channel=message.channel,
            sender=message.sender,
            targets=group,
            shown=group if bulk else shown,
            reply_to=tuple(message.reply_to),
            subject=message.subject,
            text=message.text,
            html=message.html,
            tags=tuple(message.tags),
            headers=message.headers,
            created=message.created.timestamp(),
            proof=proof,
            refusal=refuse_country(message, group, channel, job.senders),
            unsubscribe_url=unsubscribe_link(group[0].recipient_id) if bulk else "",
        )
        yield _Part(job, envelope)


def _target(row: Recipient) -> Target:
    return Target(row.id, row.address, row.name, row.kind)


def _call(part: _Part, results: _Results) -> None:
    """Make one call in a pool thread. Must not use the database."""
    envelope = part.envelope
    try:
        if refusal := _refusal_of(envelope):
            part.results = same_for_all(envelope, "failed", code=refusal[0], detail=refusal[1])
        elif time.monotonic() < part.job.begin_by:
            outside_transactions("provider")
            provider = load_provider(provider_name(get_channel(envelope.channel), envelope.tenant.mode))
            with CALL_TIME.labels(envelope.channel).time():
                part.results = _checked(envelope, provider.send(envelope))
    except Exception as error:  # the boundary to third-party libraries: one bad call must not stop the batch
        log.exception("messaging.provider_error", message=envelope.public_id)
        part.results = same_for_all(envelope, "deferred", code="provider_error", detail=type(error).__name__)
    finally:
        results.put(part)


def _refusal_of(envelope: Envelope) -> tuple[str, str] | None:
    """Return why an envelope must not be sent, as a code and a message, or None."""
    return envelope.refusal if envelope.is_proved else (SenderNotVerified.code, NO_LONGER)


def _checked(envelope: Envelope, results: list[Result]) -> list[Result]:
    """Return the provider's results if they match the call's recipients. Raises ValueError or AttributeError."""
    asked = {target.recipient_id for target in envelope.targets}
    if strangers := [
        item for item in results if item.recipient_id not in asked or item.outcome not in _KINDS
    ]:
        raise ValueError(f"The provider's answer is about nobody it was asked for: {strangers[0]!r}")
    return results


def _suppressed_updates(job: ClaimedMessage) -> list[RecipientUpdate]:
    found = [
        RecipientUpdate(
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
            RecipientUpdate(
                row.id,
                Status.FAILED,
                OURSELVES,
                code="too_many_attempts",
                detail=f"Given up after {MAX_CLAIMS} interrupted attempts.",
                attempt=job.message.attempt,
            )
            for row in job.waiting
            if row.id not in job.suppressed
        ]
    return found


def _updates_from(part: _Part) -> list[RecipientUpdate]:
    # Refused calls never reached a provider.
    asked = provider_name(get_channel(part.envelope.channel), part.envelope.tenant.mode)
    source = OURSELVES if _refusal_of(part.envelope) else asked
    found = []
    for result in part.results or ():
        OUTCOMES.labels(part.envelope.channel, result.outcome).inc()
        found.append(
            RecipientUpdate(
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
