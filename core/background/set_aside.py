"""Keeps one bad row from blocking a batch (docs/architecture.md, Events): it is set aside with the reason, shown to staff and counted.

A sweep processes its rows with `each`, or catches a row's exception itself and passes it to `record_failure`. A row that was set
aside is retried with increasing delays and removed from the list once it succeeds; meanwhile the sweep skips it (`resting`),
so that permanently failing rows never fill its batches.
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

# Waits after the first failure, the second, and so on; the last one repeats.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 10, 60, 6 * 60, 24 * 60))
# A row that has not failed again for this long is gone, or was repaired by hand.
KEPT_FOR = timedelta(days=90)
MAX_REASON_LENGTH = 500
_DELETE_OLD = """
DELETE FROM core_setaside WHERE id IN (SELECT id FROM core_setaside WHERE last_seen < %(before)s LIMIT %(step)s)
"""

log = structlog.get_logger("pomelo.set_aside")
SET_ASIDE = Counter("pomelo_set_aside_total", "Rows that were set aside so that others go on", ["batch"])

Row = TypeVar("Row")


def count_rows() -> Iterator[GaugeMetricFamily]:
    """Yield the number of rows set aside per batch, for `/metrics`."""
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
    """Return whether `error` affects every row: PostgreSQL is unreachable, or the task's time limit was reached."""
    return isinstance(error, SoftTimeLimitExceeded) or is_outage(error)


def each(
    batch: str,
    rows: Iterable[Row],
    work: Callable[[Row], object],
    *,
    identify: Callable[[Row], tuple[str, UUID]],
) -> int:
    """Call `work` for each row separately; return how many succeeded.

    `identify` returns a row's name (its TypeID) and its id. `work` opens a transaction per row. A row that raises is set
    aside; an error that affects all rows (`concerns_all`) propagates and ends the batch.
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
            record_failure(batch, name, error, row_id=row_id)
        else:
            done += 1
            if name in known:
                clear_failure(batch, name)
    return done


def record_failure(batch: str, item: str, error: BaseException | str, *, row_id: UUID | None = None) -> None:
    """Record that `item` of `batch` failed, and why. Raises Django's database errors when PostgreSQL is unreachable."""
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
            found.attempts += 1
            found.reason, found.last_seen = reason, now
            found.try_again_at = now + WAITS[min(found.attempts, len(WAITS)) - 1]
            found.save(update_fields=["attempts", "reason", "last_seen", "try_again_at"])


def clear_failure(batch: str, item: str) -> None:
    """Remove `item` from the rows set aside, after it has succeeded."""
    with system_context(reason="a row that is set aside no more"):
        SetAside.objects.filter(batch=batch, item=_name(item)).delete()


def resting(batch: str, *, now: datetime | None = None) -> list[UUID]:
    """Return the ids of the rows that `batch` skips at `now`. Must be called inside `system_context`."""
    rows = SetAside.objects.filter(batch=batch, try_again_at__gt=now or clock.now())
    return [row.row_id for row in rows.only("row_id") if row.row_id is not None]


def prune(*, max_steps: int = 1_000, step: int = pruning.STEP) -> int:
    """Delete entries that have not failed for 90 days, `step` rows per transaction; return how many."""
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
    # The message may quote the very value that PostgreSQL rejected.
    return str(redact(storable(text)))[:MAX_REASON_LENGTH]
