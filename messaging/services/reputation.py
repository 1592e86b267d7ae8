"""The reputation of a company's email: rates of bounces and complaints that first slow its sending, and then pause it.

One company that mails purchased addresses hurts the reputation of the servers and the domain that all others send through. So
bounces and complaints are evaluated every few minutes. A slowed company sends a little each hour and recovers automatically; a
paused one accepts no email, and queued email is held until staff lift the pause. Test mode sends nothing and is exempt. Only email
is evaluated.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.db.models.functions import Greatest

from accounts.selectors import current_company, owner_emails
from billing.entitlements import current_limits
from core import clock
from core.background import jobs, set_aside
from core.errors import DomainError
from core.events import publish
from core.mail.decisions import mail_decision
from core.postgres.turns import take_turn
from core.principal import Principal
from core.tenancy import Tenant, require_tenant, system_context, tenant_context
from messaging.channels import get_channel
from messaging.emails import mail_reputation_notice
from messaging.events import (
    ReputationAppealed,
    ReputationLifted,
    ReputationPaused,
    ReputationRestored,
    ReputationSlowed,
)
from messaging.models import HELD, Message, MessageStat, Reputation, Status

SEND_TASK = "messaging.send_due"
BATCH_NAME = "messaging.evaluate_reputations"
CHANNEL = "email"
# Fewer bounces or complaints than this are not significant, whatever their share.
LEAST = 5
# What a slowed company may send per hour: this share of its daily cap, but at least this many recipients.
SLOWED_SHARE, SLOWED_LEAST = 100, 10
HOUR = timedelta(hours=1)
# Rates that fluctuate around a threshold slow and restore repeatedly; owners are notified at most this often.
NOTIFIED_EVERY = timedelta(days=1)

ACTOR = Principal.system("messaging.reputation")
State = Reputation.State


class SendingPaused(DomainError):
    """Too much of the company's live email bounced or was reported by its recipients: none is accepted."""

    code = "sending_paused"
    status = 403
    title = "Email sending is paused"
    fix = (
        "Remove the addresses that bounced or complained from your lists (GET /v1/suppressions), and explain "
        "at Messages → Senders what you have changed; staff lift the pause. Test mode keeps working."
    )
    page_fix = (
        "Remove the addresses that bounced or complained from your lists, and explain at Messages → Senders what you have "
        "changed; staff lift the pause. Test mode keeps working."
    )


class SendingSlowed(DomainError):
    """Much of the company's live email bounced or was reported by its recipients: it may send little within an hour."""

    code = "sending_slowed"
    status = 429
    title = "Email sending is slowed"
    fix = (
        "Wait the number of seconds in `Retry-After`. Remove the addresses that bounced or complained from your lists;  "
        "once the rates improve, sending returns to full speed."
    )
    page_fix = (
        "Try again in a minute. Remove the addresses that bounced or complained from your lists; once the rates improve, sending "
        "returns to full speed."
    )


class NothingToAppeal(DomainError):
    """The company's email is neither slowed nor paused."""

    code = "nothing_to_appeal"
    status = 409
    title = "There is nothing to appeal"
    fix = "Nothing to do: your email is sent at full speed."
    only_on_pages = True


def require_reputation(*, channel: str, recipients: int) -> None:
    """Check that live email to this many more recipients is allowed. Raises SendingPaused and SendingSlowed; does nothing in test mode."""
    if channel != CHANNEL or require_tenant().mode != "live":
        return
    row = Reputation.objects.exclude(state=State.GOOD).first()
    if row is None:
        return
    if row.state == State.PAUSED:
        raise SendingPaused("Too much of your email bounced or was reported.", facts=_facts(row))
    # Concurrent senders would each see an empty hour.
    take_turn(f"slowed email {require_tenant().company_id}")
    now = clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    limit = max(SLOWED_LEAST, get_channel(CHANNEL).daily_cap(current_limits()) // SLOWED_SHARE)
    used = _counts(since=hour, statuses=[Status.QUEUED]).get(Status.QUEUED, 0)
    if used + recipients > limit:
        raise SendingSlowed(
            f"{used} recipients were accepted this hour; the limit is {limit}.",
            facts={**_facts(row), "limit": limit, "remaining": max(0, limit - used)},
            headers={"Retry-After": str(int((hour + HOUR - now).total_seconds()) + 1)},
        )


def evaluate_reputations() -> int:
    """Evaluate every company whose live email has bounced or was reported within the window; return how many."""
    since = clock.now() - window()
    with system_context(reason="companies whose email bounced or was reported"):
        named = MessageStat.objects.filter(
            mode="live",
            channel=CHANNEL,
            tag="",
            hour__gte=since,
            status__in=[Status.BOUNCED, Status.COMPLAINED],
        )
        companies = set(named.values_list("company_id", flat=True).distinct())
        companies |= set(Reputation.objects.exclude(state=State.GOOD).values_list("company_id", flat=True))
        resting = set(set_aside.resting(BATCH_NAME))
    tenants = [Tenant(company, "live") for company in sorted(companies - resting)]
    return set_aside.each(
        BATCH_NAME,
        tenants,
        evaluate_reputation,
        identify=lambda tenant: (str(tenant.company_id), tenant.company_id),
    )


def evaluate_reputation(tenant: Tenant) -> None:
    """Count a tenant's bounces and complaints, and apply the consequences, in one transaction."""
    with tenant_context(tenant):
        Reputation.objects.get_or_create()
        row: Reputation = Reputation.objects.select_for_update().get()
        now = clock.now()
        since = max(now - window(), row.counted_from or now - window())
        counts = _counts(since=since, statuses=[Status.SENT, Status.BOUNCED, Status.COMPLAINED])
        row.sent, row.bounced = counts.get(Status.SENT, 0), counts.get(Status.BOUNCED, 0)
        row.complained, row.updated = counts.get(Status.COMPLAINED, 0), now
        before, found = row.state, state_of(row)
        # Only people end a pause: nothing is sent meanwhile that could show an improvement.
        if before != State.PAUSED and found != before:
            row.state, row.since = found, now
            _follow(row)
        if row.state == State.PAUSED:
            _hold_waiting()
        row.save()


def state_of(row: Reputation) -> str:
    """Return the state that follows from the counts of `row`, whatever the previous state."""
    if row.sent + row.bounced < settings.REPUTATION_MINIMUM:
        return State.GOOD
    rates = (
        (row.bounced, row.bounce_rate, settings.REPUTATION_BOUNCES),
        (row.complained, row.complaint_rate, settings.REPUTATION_COMPLAINTS),
    )
    judged = [(rate, slow, pause) for count, rate, (slow, pause) in rates if count >= LEAST]
    if any(rate >= pause for rate, _, pause in judged):
        return State.PAUSED
    return State.SLOWED if any(rate >= slow for rate, slow, _ in judged) else State.GOOD


def appeal_reputation(*, reason: str, actor: Principal) -> Reputation:
    """Submit the company's appeal for staff to review. Raises NothingToAppeal."""
    row = Reputation.objects.select_for_update().exclude(state=State.GOOD).first()
    if row is None:
        raise NothingToAppeal("Your email is neither slowed nor paused.")
    row.appeal, row.appealed_at = reason, clock.now()
    row.save(update_fields=["appeal", "appealed_at"])
    publish(ReputationAppealed(object_id=row.public_id, detail={"reason": reason}), actor=actor)
    return row


def lift_reputation(*, reputation: Reputation, reason: str, actor: Principal) -> Reputation:
    """Lift the limits, reset the counts, and send what was held. For staff."""
    row = reputation.locked()
    before, now = row.state, clock.now()
    row.state, row.since, row.counted_from, row.decision = State.GOOD, now, now, reason
    row.sent = row.bounced = row.complained = 0
    row.appeal, row.appealed_at, row.notified_at, row.updated = "", None, None, now
    row.save()
    _locked(Message.objects.filter(channel=CHANNEL, due_at=HELD)).update(due_at=Greatest("send_at", now))
    jobs.enqueue(SEND_TASK)
    company = current_company()
    mail_decision(
        to=owner_emails(),
        subject="Email is sent at full speed again",
        text=f"{company.name} can send email at full speed again. Bounces and complaints are counted from zero.",
        reason=reason,
        company_name=company.name,
        page="/messages/senders/",
        label="View the rates",
    )
    publish(
        ReputationLifted(
            object_id=row.public_id, changes={"state": [before, row.state]}, detail={"reason": reason}
        ),
        actor=actor,
    )
    return row


def is_paused(*, channel: str) -> bool:
    """Return whether the current tenant's messages on `channel` are held."""
    return channel == CHANNEL and Reputation.objects.filter(state=State.PAUSED).exists()


def window() -> timedelta:
    """Return the start of the counting window."""
    return timedelta(days=settings.REPUTATION_DAYS)


def _follow(row: Reputation) -> None:
    event = {
        State.GOOD: ReputationRestored,
        State.SLOWED: ReputationSlowed,
        State.PAUSED: ReputationPaused,
    }[State(row.state)]
    publish(event(object_id=row.public_id, detail=_facts(row)), actor=ACTOR)
    if row.state == State.GOOD:
        row.appeal, row.appealed_at = "", None
    elif (
        row.state == State.PAUSED or row.notified_at is None or row.since - row.notified_at >= NOTIFIED_EVERY
    ):
        row.notified_at = row.since
        mail_reputation_notice(reputation=row, recipients=owner_emails(), company_name=current_company().name)


def _hold_waiting() -> None:
    """Hold all due email of the paused tenant. Called at every evaluation, because some was being accepted during the last one.

    Messages that a worker has claimed are still sent; what it cannot deliver is held as well.
    """
    waiting = _locked(Message.objects.filter(channel=CHANNEL, due_at__lt=HELD))
    waiting.update(due_at=HELD)


def _locked(rows: QuerySet[Message]) -> QuerySet[Message]:
    """Lock messages in key order, as workers do, to prevent deadlocks."""
    list(rows.order_by("id").select_for_update().values_list("id", flat=True))
    return rows


def _counts(*, since: datetime, statuses: list[str]) -> dict[str, int]:
    rows = MessageStat.objects.filter(channel=CHANNEL, tag="", hour__gte=since, status__in=statuses)
    found = rows.values("status").annotate(count=Sum("recipients")).order_by()
    return {row["status"]: row["count"] for row in found}


def _facts(row: Reputation) -> dict[str, object]:
    return {
        "state": row.state,
        "bounce_rate": round(row.bounce_rate, 4),
        "complaint_rate": round(row.complaint_rate, 4),
    }
