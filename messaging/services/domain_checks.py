"""DNS checks of sender domains: soon after they are added, then daily. A domain lapses after 72 hours without its records."""

import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from accounts.selectors import current_company, owner_emails
from core import clock
from core.background import set_aside
from core.events import publish
from core.postgres.turns import take_turn
from core.principal import Principal
from core.tenancy import system_context, tenant_context
from messaging import representations
from messaging.emails import mail_domain_notice
from messaging.events import SenderDomainFailed, SenderDomainVerified
from messaging.models import DkimKey, SenderDomain
from messaging.verification import Record, RecordCheck, is_proved, look_up_all, records_of

BATCH = 32
BATCH_NAME = "messaging.check_domains"
# Concurrent checks across all workers: a check takes a worker several seconds, and anyone can request one at any time.
MOST_AT_ONCE = 2 * BATCH
# Domains of a dead worker become due again after this long.
LEASE = timedelta(minutes=5)
EVERY = timedelta(days=1)
# A missing record is re-checked sooner, since its owner may be fixing it, and a first miss does not trigger an email.
WHILE_FAILING = timedelta(hours=1)
LAPSES_AFTER = timedelta(hours=72)
# Owners are notified after failing for this long, and again a day before the domain lapses.
WARN_AFTER = (timedelta(hours=1), timedelta(hours=48))
# Without records for this long, automatic checks stop, and only "Verify now" checks the domain.
GIVEN_UP_AFTER = timedelta(days=14)
# A run starts no further batch after this many seconds, well before the task's time limit; the next run continues.
RUN_SECONDS = 120.0
SOONEST = timedelta(minutes=1)

ACTOR = Principal.system("messaging.domain_checks")


def check_due_domains() -> int:
    """Check the DNS records of due domains in batches, until none is left or RUN_SECONDS have passed.

    Returns how many were checked.
    """
    checked, stop = 0, time.monotonic() + RUN_SECONDS
    while time.monotonic() < stop and (due := _claim()):
        found = look_up_all({row.id: records for row, records in due})
        looks = [(row, records, found[row.id]) for row, records in due]
        checked += set_aside.each(
            BATCH_NAME,
            looks,
            lambda look: _record(*look),
            identify=lambda look: (look[0].public_id, look[0].id),
        )
    return checked


def _claim() -> list[tuple[SenderDomain, list[Record]]]:
    now = clock.now()
    with system_context(reason="senders' domains that are due"):
        take_turn("sender domains that are looked at")  # or several workers would each see room for a batch
        due = SenderDomain.objects.filter(next_check_at__lte=now)
        if due.filter(claimed_until__gt=now).count() >= MOST_AT_ONCE:
            return []
        rows = list(
            due.select_for_update(skip_locked=True, of=("self",))
            .filter(Q(claimed_until=None) | Q(claimed_until__lte=now), company__suspended_at=None)
            .exclude(id__in=set_aside.resting(BATCH_NAME, now=now))
            .order_by("next_check_at")[:BATCH]
        )
        SenderDomain.objects.filter(id__in=[row.id for row in rows]).update(claimed_until=now + LEASE)
        keys: dict[uuid.UUID | None, list[DkimKey]] = {row.id: [] for row in rows}
        for key in DkimKey.objects.filter(domain_id__in=keys):
            keys[key.domain_id].append(key)
    return [(row, records_of(row, keys[row.id])) for row in rows]


def _record(claimed: SenderDomain, records: Sequence[Record], found: Mapping[str, RecordCheck]) -> None:
    """Record the result of a check and its consequences in one transaction of the domain's tenant."""
    with tenant_context(claimed.tenant):
        row = SenderDomain.objects.select_for_update().filter(id=claimed.id).first()
        if row is None:
            return
        now = clock.now()
        asked_meanwhile = row.next_check_at if row.next_check_at != claimed.next_check_at else None
        row.results = {record.key: found[record.key].as_json() for record in records}
        row.checked_at, row.claimed_until, row.updated = now, None, now
        if is_proved(records, found):
            _succeed(row, records, found, now)
        else:
            _fail(row, records, now)
        if asked_meanwhile is not None:
            row.next_check_at = asked_meanwhile  # this check may have missed records set after it started
        row.save()


def _succeed(
    row: SenderDomain, records: Sequence[Record], found: Mapping[str, RecordCheck], now: datetime
) -> None:
    was, row.status = row.status, SenderDomain.Status.VERIFIED
    row.failing_since, row.warnings = None, 0
    row.next_check_at = now + EVERY
    for key in row.keys.all():
        looked = found.get(f"dkim:{key.selector}")
        if looked is not None:  # a key added during this check is left to the next one
            key.verified = looked.state == "found"
            key.save(update_fields=["verified"])
    if was != SenderDomain.Status.VERIFIED:
        row.verified_at = now
        publish(
            SenderDomainVerified(object_id=row.public_id, object=representations.sender_domain(row, records)),
            actor=ACTOR,
        )


def _fail(row: SenderDomain, records: Sequence[Record], now: datetime) -> None:
    if row.status != SenderDomain.Status.VERIFIED:
        since = row.failing_since or row.created
        row.next_check_at = _next_attempt(now - since, now)
        return
    row.failing_since = row.failing_since or now
    failing = now - row.failing_since
    row.next_check_at = now + WHILE_FAILING
    if failing >= LAPSES_AFTER:
        row.status = SenderDomain.Status.FAILED
        publish(
            SenderDomainFailed(object_id=row.public_id, object=representations.sender_domain(row, records)),
            actor=ACTOR,
        )
        _notify(row, has_lapsed=True)
    elif row.warnings < len(WARN_AFTER) and failing >= WARN_AFTER[row.warnings]:
        row.warnings += 1
        _notify(row, has_lapsed=False)


def _next_attempt(waited: timedelta, now: datetime) -> datetime | None:
    """Return the time of the next check of an unverified domain: the longer it has waited, the later."""
    if waited >= GIVEN_UP_AFTER:
        return None
    return now + min(EVERY, max(SOONEST, waited / 4))


def _notify(row: SenderDomain, *, has_lapsed: bool) -> None:
    assert row.failing_since is not None
    mail_domain_notice(
        domain=row,
        recipients=owner_emails(),
        company_name=current_company().name,
        has_lapsed=has_lapsed,
        lapses_at=row.failing_since + LAPSES_AFTER,
    )
