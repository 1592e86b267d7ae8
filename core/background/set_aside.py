"""One bad row stops no others (docs/architecture.md, Events): it is set aside with its reason, staff see it, and a metric counts it.

A sweep goes through its rows with `each`, or catches what one of them raises and hands it to `put_aside`. What was set aside
is tried again after a while, longer each time, and leaves the list once it succeeds; until then the sweep passes over it
(`resting`), so that rows that fail for ever never fill its batches.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import Count
from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily

from core import clock
from core.background import pruning
from core.background.watch import FIGURES
from core.models import SetAside
from core.postgres.failures import is_outage
from core.tenancy import system_context
from core.values.redaction import redact
from core.values.texts import storable

# Waits after the first failure, the second, and so on; after the last one every time.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 10, 60, 6 * 60, 24 * 60))
# What has not failed again for so long is gone, or was mended by hand.
KEPT_FOR = timedelta(days=90)
MAX_REASON_LENGTH = 500
_DELETE_OLD = """
DELETE FROM core_setaside WHERE id IN (SELECT id FROM core_setaside WHERE last_seen < %(before)s LIMIT %(step)s)
"""

log = structlog.get_logger("pomelo.set_aside")
SET_ASIDE = Counter("pomelo_set_aside_total", "Rows that were set aside so that others go on", ["batch"])

Row = TypeVar("Row")


def count_rows() -> Iterator[GaugeMetricFamily]:
    """Yield how many rows of each batch are on the list, for `/metrics`."""
    family = GaugeMetricFamily(
        "pomelo_set_aside_rows",
        "Rows that are set aside now, by the work they were part of",
        labels=["batch"],
    )
    with system_context(reason="rows set aside"):
        for batch, count in SetAside.objects.values_list("batch").annotate(Count("id")).order_by("batch"):
            family.add_metric([batch], count)
    yield family


FIGURES["rows set aside"] = count_rows


def concerns_all(error: BaseException) -> bool:
    """Tell whether `error` would meet every other row too: PostgreSQL is away, or the task's time is over."""
    return isinstance(error, SoftTimeLimitExceeded) or is_outage(error)


def each(
    batch: str,
    rows: Iterable[Row],
    work: Callable[[Row], object],
    *,
    identify: Callable[[Row], tuple[str, UUID]],
) -> int:
    """Call `work` with every row, each by itself; return how many succeeded.

    `identify` says how a row is called (its TypeID) and its id. `work` opens the row's own transaction. A row whose work
    raises is set aside; what concerns all of them (`concerns_all`) is raised, and ends the batch.
    """
    waiting = list(rows)
    if not waiting:
        return 0
    known = _known(batch)
    done = 0
    for row in waiting:
        name, row_id = identify(row)
        try:
            work(row)
        except Exception as error:
            if concerns_all(error):
                raise
            put_aside(batch, name, error, row_id=row_id)
        else:
            done += 1
            if name in known:
                take_back(batch, name)
    return done


def put_aside(batch: str, item: str, error: BaseException | str, *, row_id: UUID | None = None) -> None:
    """Note that `item` of `batch` failed, and why. Raises Django's database errors when PostgreSQL is away."""
    reason = _reason(error)
    SET_ASIDE.labels(batch).inc()
    log.error(
        "set_aside", batch=batch, item=item, reason=reason,
        exc_info=error if isinstance(error, BaseException) else None,
    )  # fmt: skip
    now = clock.now()
    with system_context(reason="a row that is set aside"):
        found, is_new = SetAside.objects.select_for_update().get_or_create(
            batch=batch,
            item=_name(item),
            defaults={"row_id": row_id, "reason": reason, "last_seen": now, "try_again_at": now + WAITS[0]},
        )
        if not is_new:
            found.tries += 1
            found.reason, found.last_seen = reason, now
            found.try_again_at = now + WAITS[min(found.tries, len(WAITS)) - 1]
            found.save(update_fields=["tries", "reason", "last_seen", "try_again_at"])


def take_back(batch: str, item: str) -> None:
    """Forget that `item` was set aside: it has succeeded."""
    with system_context(reason="a row that is set aside no more"):
        SetAside.objects.filter(batch=batch, item=_name(item)).delete()


def resting(batch: str, *, now: datetime | None = None) -> list[UUID]:
    """Return the ids of the rows that `batch` passes over at `now`. Must be called inside `system_context`."""
    rows = SetAside.objects.filter(batch=batch, try_again_at__gt=now or clock.now())
    return [row.row_id for row in rows.only("row_id") if row.row_id is not None]


def prune(*, max_steps: int = 1_000, step: int = pruning.STEP) -> int:
    """Forget what has not failed for 90 days, `step` rows per transaction; return how many."""
    return pruning.in_steps(
        "core_setaside",
        _DELETE_OLD,
        {"before": clock.now() - KEPT_FOR},
        reason="rows that were set aside long ago",
        max_steps=max_steps,
        step=step,
    )


def _name(item: str) -> str:
    return storable(item)[:200]


def _known(batch: str) -> frozenset[str]:
    with system_context(reason="rows that are set aside"):
        return frozenset(SetAside.objects.filter(batch=batch).values_list("item", flat=True))


def _reason(error: BaseException | str) -> str:
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    # It may quote the very value that PostgreSQL would not take.
    return str(redact(storable(text)))[:MAX_REASON_LENGTH]
