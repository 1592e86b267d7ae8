"""What Prometheus sees of the partitions: which are there, and for how long they last."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from audit.partitions.tables import days_ahead, list_partitions
from core.background.watch import Figures


def _ahead() -> Iterator[tuple[tuple[str, ...], float]]:
    yield (), float(days_ahead())


def _count() -> Iterator[tuple[tuple[str, ...], float]]:
    yield from (((table,), float(len(days))) for table, days in _days().items())


def _oldest() -> Iterator[tuple[tuple[str, ...], float]]:
    yield from (((table,), _begin(min(days))) for table, days in _days().items())


def _newest() -> Iterator[tuple[tuple[str, ...], float]]:
    yield from (((table,), _begin(max(days))) for table, days in _days().items())


def _days() -> dict[str, list[date]]:
    found: dict[str, list[date]] = defaultdict(list)
    for partition in list_partitions(using="default"):
        found[partition.parent].append(partition.day)
    return found


def _begin(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()


FIGURES = (
    Figures(
        "pomelo_audit_partitions_ahead",
        "For how many days after today every audit table has its partition",
        (),
        _ahead,
    ),
    Figures("pomelo_audit_partitions", "Partitions of the audit tables", ("table",), _count),
    Figures(
        "pomelo_audit_partition_oldest_seconds",
        "Begin of the oldest partition's day (Unix time)",
        ("table",),
        _oldest,
    ),
    Figures(
        "pomelo_audit_partition_newest_seconds",
        "Begin of the newest partition's day (Unix time)",
        ("table",),
        _newest,
    ),
)
