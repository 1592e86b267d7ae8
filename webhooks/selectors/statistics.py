"""An endpoint's statistics, from hourly counts rather than by counting attempts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Sum

from core import clock
from webhooks.models import LATENCY, Endpoint, EndpointHour

DAYS = 7
STEP_HOURS = 6


@dataclass(slots=True)
class Slot:
    """A time slot: attempts by outcome and their latency histogram."""

    start: datetime
    succeeded: int = 0
    failed: int = 0
    latency: list[int] = field(default_factory=LATENCY.empty)


def last_week(endpoint: Endpoint) -> list[Slot]:
    """Return the endpoint's last seven days in six-hour slots, oldest first, including empty ones."""
    end = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    start = end - timedelta(days=DAYS)
    slots = [Slot(start + timedelta(hours=STEP_HOURS * n)) for n in range(DAYS * 24 // STEP_HOURS)]
    for row in EndpointHour.objects.filter(endpoint=endpoint, hour__gte=start, hour__lt=end):
        slot = slots[int((row.hour - start).total_seconds() // (3600 * STEP_HOURS))]
        slot.succeeded += row.succeeded
        slot.failed += row.failed
        slot.latency = [a + b for a, b in zip(slot.latency, row.latency, strict=True)]
    return slots


def success_rates(endpoints: Iterable[Endpoint]) -> dict[UUID, float | None]:
    """Return each endpoint's success rate over the last seven days; None without attempts."""
    chosen = [each.id for each in endpoints]
    sums = (
        EndpointHour.objects.filter(endpoint_id__in=chosen, hour__gte=clock.now() - timedelta(days=DAYS))
        .values("endpoint_id")
        .annotate(good=Sum("succeeded"), bad=Sum("failed"))
    )
    rates: dict[UUID, float | None] = dict.fromkeys(chosen)
    for row in sums:
        if row["good"] + row["bad"]:
            rates[row["endpoint_id"]] = row["good"] / (row["good"] + row["bad"])
    return rates
