"""Prometheus metrics of the partitions: which exist, and for how many days they suffice."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from prometheus_client.core import GaugeMetricFamily

from audit.partitions.tables import count_days_ahead, list_partitions


def read_partitions() -> Iterator[GaugeMetricFamily]:
    """Yield the partitions of each table, and the number of days for which all tables have one."""
    partitions = list_partitions(using="default")
    ahead = GaugeMetricFamily(
        "pomelo_audit_partitions_ahead",
        "For how many days after today every audit table has its partition",
    )
    ahead.add_metric([], count_days_ahead(partitions))
    count = GaugeMetricFamily("pomelo_audit_partitions", "Partitions of the audit tables", labels=["table"])
    oldest = GaugeMetricFamily(
        "pomelo_audit_partition_oldest_seconds",
        "Begin of the oldest partition's day (Unix time)",
        labels=["table"],
    )
    newest = GaugeMetricFamily(
        "pomelo_audit_partition_newest_seconds",
        "Begin of the newest partition's day (Unix time)",
        labels=["table"],
    )
    days: defaultdict[str, list[date]] = defaultdict(list)
    for partition in partitions:
        days[partition.parent].append(partition.day)
    for table, found in days.items():
        count.add_metric([table], len(found))
        oldest.add_metric([table], _begin(min(found)))
        newest.add_metric([table], _begin(max(found)))
    yield from (ahead, count, oldest, newest)


def _begin(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()
