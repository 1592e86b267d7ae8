"""Fetches the prices of SMS from providers, which know them only minutes to a day after sending and do not report them on their own.

A batch is claimed and committed, queried outside of any transaction, and each response recorded in its own transaction. An SMS
without a price after about three days (`PRICE_CLOCK`) stays `unknown`, and its estimate stays counted.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.conf import settings

from core import clock
from core.background import set_aside
from core.postgres.outside import outside_transactions
from core.tenancy import system_context, tenant_context
from messaging.channels import get_channel
from messaging.models import SmsPrice, SmsSpend, Status
from messaging.providers import load_provider, provider_name, reads_prices
from messaging.providers.base import Price
from messaging.retry import PRICE_CLOCK
from messaging.services import spend
from messaging.services.outcomes import RETRIES_EXHAUSTED
from messaging.services.spend_caps import spend_cap

BATCH = 16
BATCH_NAME = "messaging.fetch_prices"
# A worker that dies with a batch releases its rows after this long: by then all calls of a batch have ended.
LEASE = timedelta(minutes=10)
# A run claims no further batch after this many seconds; the next run continues.
RUN_SECONDS = 60.0
# A message waiting for its time or another attempt has no price yet.
NOT_SENT = "not_sent"
NOT_SENT_AGAIN = timedelta(hours=1)
# No provider that can be queried will ever report one.
NO_ID, OTHER_PROVIDER = "no_provider_id", "other_provider"
_FINAL = frozenset({NO_ID, OTHER_PROVIDER})
_SENT = frozenset({Status.SENT, Status.DELIVERED, Status.COMPLAINED})

log = structlog.get_logger(__name__)


def fetch_due_prices() -> int:
    """Fetch the prices that are due, in batches, until none is left or RUN_SECONDS have passed; return how many were queried."""
    asked, stop = 0, time.monotonic() + RUN_SECONDS
    while time.monotonic() < stop and (due := _claim()):
        with ThreadPoolExecutor(settings.MESSAGING_CONCURRENCY, thread_name_prefix="prices") as pool:
            answers = list(zip(due, pool.map(_fetch_price, due), strict=True))
        asked += set_aside.each(
            BATCH_NAME,
            answers,
            lambda answer: _record(*answer),
            identify=lambda answer: (answer[0].recipient.public_id, answer[0].id),
        )
    return asked


def _claim() -> list[SmsPrice]:
    now = clock.now()
    with system_context(reason="SMS whose prices are due"):
        rows = list(
            SmsPrice.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("recipient")
            .filter(ask_at__lte=now)
            .exclude(id__in=set_aside.resting(BATCH_NAME, now=now))
            .order_by("ask_at")[:BATCH]
        )
        for row in rows:
            row.attempts, row.ask_at = row.attempts + 1, now + LEASE
        SmsPrice.objects.bulk_update(rows, ["attempts", "ask_at"])
    return rows


def _fetch_price(row: SmsPrice) -> Price:
    """Return the price of an SMS as reported by the provider. Runs in a pool thread: must not use the database."""
    recipient = row.recipient
    if recipient.status == Status.QUEUED:
        return Price(problem=NOT_SENT)
    if not recipient.provider_id:
        # Refused before the provider accepted it, which costs nothing; or accepted, but the response was lost or contained no ID.
        if recipient.status in _SENT or recipient.error_code == RETRIES_EXHAUSTED:
            return Price(problem=NO_ID)
        return Price(Decimal(0), row.currency)
    name = provider_name(get_channel("sms"), "live")
    if name != recipient.provider or not reads_prices(name):
        return Price(problem=OTHER_PROVIDER)
    try:
        outside_transactions("provider")
        found: Price = load_provider(name).read_price(recipient.provider_id)  # type: ignore[attr-defined]
    except Exception:  # the boundary to third-party libraries: one bad response must not stop the batch
        log.exception("messaging.price_error", recipient=recipient.public_id)
        return Price(problem="provider_error")
    if found.amount is not None and found.currency != row.currency:
        return Price(problem="other_currency")
    return found


def _record(claimed: SmsPrice, found: Price) -> None:
    """Record the response about one SMS, in a transaction of its tenant."""
    with tenant_context(claimed.tenant):
        row = (
            SmsPrice.objects.select_for_update()
            .filter(id=claimed.id, state=SmsPrice.States.HELD, attempts=claimed.attempts)
            .first()
        )
        if row is None:
            return  # canceled, or claimed by another worker
        now = clock.now()
        row.problem, row.updated = found.problem, now
        if found.amount is not None:
            row.state, row.price, row.ask_at = SmsPrice.States.KNOWN, found.amount, None
            _count(row, found.amount - row.held)
        elif found.problem == NOT_SENT:
            row.attempts, row.ask_at = row.attempts - 1, now + NOT_SENT_AGAIN
        else:
            row.ask_at = _next(row, now)
            if row.ask_at is None:
                row.state = SmsPrice.States.UNKNOWN
        row.save(update_fields=["state", "price", "problem", "attempts", "ask_at", "updated"])


def _next(row: SmsPrice, now: datetime) -> datetime | None:
    delay = None if row.problem in _FINAL else PRICE_CLOCK.wait_after(row.attempts)
    return None if delay is None else now + delay


def _count(row: SmsPrice, by: Decimal) -> None:
    day = SmsSpend.objects.select_for_update().filter(day=row.day, currency=row.currency).first()
    if day is not None:  # otherwise the day has expired and been deleted
        cap = spend_cap()
        spend.change(day, by, cap=cap if cap and cap.currency == row.currency else None)
