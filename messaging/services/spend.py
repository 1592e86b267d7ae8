"""What a company's SMS may cost per UTC day (docs/messaging.md, What SMS may cost).

A provider reports the price of an SMS only some time after sending. So before anything is queued, an estimate based on previous
prices is counted against the cap; `messaging.services.prices` later replaces it with the price. Live mode only: test mode sends
nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import F

from accounts.selectors import current_company, owner_emails
from core import clock
from core.errors import DomainError, FieldError, FieldErrors
from core.events import publish
from core.postgres.orders import NEWEST
from core.principal import Principal
from core.tenancy import require_tenant
from messaging.channels.sms import country_of
from messaging.emails import mail_spend_notice
from messaging.events import SmsSpendCapChanged, SmsSpendReached
from messaging.models import Message, Recipient, SmsPrice, SmsSpend, SmsSpendCap
from messaging.models.spend import decimal_text
from messaging.segments import count_segments
from messaging.services.spend_caps import SpendCap, amount_text, require_spend_cap, spend_cap

# When a provider is first queried for a price, after the SMS was due.
FIRST_ASKED_AFTER = timedelta(minutes=5)
# The number of previous prices considered; the highest of them counts, because a failed SMS that cost nothing proves nothing.
LATEST_PRICES = 20
# Owners are notified when this percentage of the cap is used, and when the rest does not pay for another SMS like the last one.
WARNED_PERCENT, USED_UP_PERCENT = 80, 100

ACTOR = Principal.system("messaging.sms_spend")


class SmsSpendCapExceeded(DomainError):
    """The message would cost more than what is left of the amount that the company's SMS may cost on the UTC day of its `send_at`. Live messages only."""

    code = "sms_spend_cap_exceeded"
    status = 429
    title = "What SMS may cost on the day is used up"
    fix = (
        "Send after `Retry-After` (midnight UTC), or choose a `send_at` on another day. An owner sets the cap at Messages → Senders, up to what "
        "the tier allows. What an SMS costs is estimated until its price is known."
    )
    page_fix = (
        "Send it after midnight UTC, or schedule it for another day. An owner sets the cap at Messages → Senders, up to what the "
        "tier allows. What an SMS costs is estimated until its price is known."
    )

    def __init__(self, day: SmsSpend, cap: SpendCap, needed: Decimal, now: datetime) -> None:
        midnight = datetime.combine(day.day + timedelta(days=1), time.min, tzinfo=now.tzinfo)
        super().__init__(
            f"About {amount_text(needed, cap.currency)} more would exceed the cap of {amount_text(cap.amount, cap.currency)} on {day.day} UTC; "
            f"{amount_text(day.amount, cap.currency)} are spent.",
            facts={
                "day": day.day.isoformat(),
                "currency": cap.currency,
                "cap": decimal_text(cap.amount),
                "spent": decimal_text(day.amount),
                "needed": decimal_text(needed),
                "starts_again": midnight.isoformat().replace("+00:00", "Z"),
            },
            headers={"Retry-After": str(int((midnight - now).total_seconds()) + 1)},
        )


def set_spend_cap(*, amount: Decimal | None, actor: Principal) -> SmsSpendCap | None:
    """Set the daily cap in SMS_PRICE_CURRENCY; None: only the tier's limit. Owners are notified of days that exceed the new cap.

    Raises FieldErrors for more than the tier's limit, SmsPricesUnknown.
    """
    cap = require_spend_cap()
    if amount is not None and not 0 <= amount <= cap.limit:
        most = amount_text(cap.limit, cap.currency)
        raise FieldErrors([FieldError("amount", "too_large", f"Your plan allows at most {most} a day.")])
    row = None
    if amount is None:
        SmsSpendCap.objects.all().delete()
    else:
        row, _ = SmsSpendCap.objects.update_or_create(
            defaults={"amount": amount, "currency": cap.currency, "updated": clock.now()}
        )
    if amount != cap.own:
        before, after = (None if one is None else decimal_text(one) for one in (cap.own, amount))
        publish(
            SmsSpendCapChanged(
                object_id=str(require_tenant().mode),
                changes={"amount": [before, after]},
                detail={"currency": cap.currency},
            ),
            actor=actor,
        )
        notify_of_spent_days()
    return row


def notify_of_spent_days() -> int:
    """Notify owners of days, from today on, on which the current cap is nearly or fully used. Returns the number of days with SMS.

    Otherwise the next SMS would be refused before anybody was notified: a refusal rolls back the notification. Does nothing if
    prices are not known.
    """
    cap = spend_cap()
    if cap is None:
        return 0
    days = SmsSpend.objects.filter(day__gte=clock.now().date(), currency=cap.currency, amount__gt=0)
    found = list(days.select_for_update().order_by("day"))
    for day in found:
        change(day, Decimal(0), cap=cap)
    return len(found)


def hold(*, messages: Iterable[tuple[str, Sequence[Recipient]]], moment: datetime, now: datetime) -> None:
    """Count the estimated cost of SMS (each a text and its stored recipients) against the cap of the UTC day of `moment`.

    Does nothing if prices are not known. Raises SmsSpendCapExceeded. The day's row stays locked until the transaction ends.
    """
    cap = spend_cap()
    if cap is None:
        return
    rows = _estimated(messages, cap.currency, moment)
    SmsPrice.objects.bulk_create(rows)
    needed = sum((row.held for row in rows), Decimal(0))
    day = _lock(moment.date(), cap.currency)
    if day.amount + needed > cap.amount:
        raise SmsSpendCapExceeded(day, cap, needed, now)
    change(day, needed, cap=cap, next_one=max(row.held for row in rows))


def release(*, message: Message) -> None:
    """Release the estimate of a message that is not sent."""
    rows = SmsPrice.objects.filter(recipient__message=message, state=SmsPrice.States.HELD)
    held = list(rows.select_for_update(of=("self",)).order_by("id"))
    for row in held:
        SmsSpend.objects.filter(day=row.day, currency=row.currency).update(amount=F("amount") - row.held)
    SmsPrice.objects.filter(id__in=[row.id for row in held]).delete()


def change(day: SmsSpend, by: Decimal, *, cap: SpendCap | None, next_one: Decimal = Decimal(0)) -> None:
    """Change the amount of a locked day; notify the owners when the cap is nearly or fully used.

    It is fully used when the rest does not pay for `next_one`.
    """
    day.amount = max(Decimal(0), day.amount + by)
    if cap is not None:
        _notify_owners(day, cap, next_one)
    day.save(update_fields=["amount", "notified_percent", "notified_cap"])


def _lock(day: date, currency: str) -> SmsSpend:
    SmsSpend.objects.bulk_create([SmsSpend(day=day, currency=currency)], ignore_conflicts=True)
    row: SmsSpend = SmsSpend.objects.select_for_update().get(day=day, currency=currency)
    return row


def _estimated(
    messages: Iterable[tuple[str, Sequence[Recipient]]], currency: str, moment: datetime
) -> list[SmsPrice]:
    known: dict[tuple[str, int], Decimal] = {}
    rows = []
    for text, recipients in messages:
        segments = count_segments(text)
        for recipient in recipients:
            like = (country_of(recipient.address), segments)
            if like not in known:
                known[like] = _estimate(*like, currency)
            rows.append(
                SmsPrice(
                    recipient=recipient,
                    day=moment.date(),
                    country=like[0],
                    segments=segments,
                    currency=currency,
                    held=known[like],
                    ask_at=moment + FIRST_ASKED_AFTER,
                )
            )
    return rows


def _estimate(country: str, segments: int, currency: str) -> Decimal:
    """Return the likely cost of an SMS: the highest of the latest prices of similar ones, otherwise the configured estimate per segment."""
    like = SmsPrice.objects.filter(
        state=SmsPrice.States.KNOWN, country=country, segments=segments, currency=currency
    )
    latest = [row.price for row in like.order_by(NEWEST)[:LATEST_PRICES] if row.price]
    return max(latest, default=settings.SMS_PRICE_ESTIMATE * segments)


def _notify_owners(day: SmsSpend, cap: SpendCap, next_one: Decimal) -> None:
    if day.amount + next_one > cap.amount or day.amount >= cap.amount:
        percent = USED_UP_PERCENT
    elif day.amount * 100 >= cap.amount * WARNED_PERCENT:
        percent = WARNED_PERCENT
    else:
        return
    # Owners are notified again about a different cap, whether set by them or by staff.
    if percent <= day.notified_percent and cap.amount == day.notified_cap:
        return
    day.notified_percent, day.notified_cap = percent, cap.amount
    facts = {
        "percent": percent,
        "day": day.day.isoformat(),
        "currency": cap.currency,
        "spent": decimal_text(day.amount),
        "cap": decimal_text(cap.amount),
    }
    publish(SmsSpendReached(object_id=str(require_tenant().mode), detail=facts), actor=ACTOR)
    mail_spend_notice(
        day=day.day,
        spent=amount_text(day.amount, cap.currency),
        cap=amount_text(cap.amount, cap.currency),
        is_used_up=percent == USED_UP_PERCENT,
        recipients=owner_emails(),
        company_name=current_company().name,
    )
