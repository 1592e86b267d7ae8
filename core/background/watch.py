"""Watches the age of work that must not wait long, for `/metrics`, the staff's home page and `manage.py verify_platform`.

Each app registers its watches in its AppConfig. They are read on demand, in whichever process serves the request: ages
measured only by workers would stop changing when no worker runs, which is when they matter. docs/runbooks/what-waits.md
says what to do about each.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import structlog
from django.db import DatabaseError, InterfaceError, connection
from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from core.postgres.failures import is_outage
from core.tenancy import system_context

# Younger transactions are not reported. A dump or a long report may exceed this, and its name shows what it is.
LONG_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Reading:
    """How long something has waited, in seconds, and the threshold for a warning. `labels` identify what is waiting."""

    name: str
    text: str
    seconds: float
    limit: float
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def is_late(self) -> bool:
        """Whether the threshold is exceeded."""
        return self.seconds > self.limit


Watch = Callable[[], Iterable[Reading]]
# By the name under which a failure of theirs is told. FIGURES are metrics that PostgreSQL or Valkey knows and no process counts.
WATCHES: dict[str, Watch] = {}
FIGURES: dict[str, Callable[[], Iterable[GaugeMetricFamily]]] = {}

log = structlog.get_logger(__name__)
FAILURES = Counter(
    "pomelo_watch_failures_total", "Reads of what waits, and of figures, that failed", ["what"]
)


def read_all() -> list[Reading]:
    """Return all readings, with a placeholder for each failed one. Raises database errors when PostgreSQL is unreachable."""
    found: list[Reading] = []
    for what, watch in WATCHES.items():
        try:
            found += list(watch())
        except Exception as error:
            _note_failure(what, error)
            found.append(Reading(f"unreadable_{what}", f"Cannot be read, see the log: {what}", 0.0, -1.0))
    return found


def _note_failure(what: str, error: Exception) -> None:
    """Count a failed reading; raises `error` when it affects all of them."""
    if is_outage(error):
        raise error
    FAILURES.labels(what).inc()
    log.error("watch.unreadable", what=what, exc_info=error)


def read_transactions() -> Iterator[Reading]:
    """Yield long-running transactions in any database of the server, and abandoned prepared transactions."""
    with system_context(reason="long transactions"), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM core_long_transactions(make_interval(secs => %s))", [LONG_SECONDS])
        rows = cursor.fetchall()
    for kind, pid, name, database, account, seconds in rows:
        who = f"process {pid}" if kind == "open" else f"“{name}”"
        yield Reading(
            name=f"{kind}_transaction",
            text=f"A transaction is {kind}: {who} of {account} in database {database}",
            seconds=float(seconds),
            limit=LONG_SECONDS,
            labels={"kind": kind, "pid": str(pid or ""), "name": name or "", "database": database or ""},
        )


WATCHES["transactions"] = read_transactions


class WatchCollector(Collector):
    """Prometheus metrics of the readings, collected at scrape time."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the ages and figures, omitting failed ones, in which case `pomelo_watches_readable` is 0."""
        readable = GaugeMetricFamily("pomelo_watches_readable", "Whether what waits could be read")
        waiting = GaugeMetricFamily(
            "pomelo_waiting_seconds", "How long the oldest of its kind has waited", labels=["what"]
        )
        late = GaugeMetricFamily(
            "pomelo_waiting_late", "Whether it has waited too long and needs attention", labels=["what"]
        )
        transactions = GaugeMetricFamily(
            "pomelo_long_transaction_seconds",
            "Transactions open for more than five minutes, and prepared ones that were never ended",
            labels=["kind", "pid", "name", "database"],
        )
        figures: list[GaugeMetricFamily] = []
        readings: list[Reading] = []
        is_readable = True
        try:
            readings = read_all()
            for what, read in FIGURES.items():
                try:
                    figures += list(read())
                except Exception as error:
                    _note_failure(what, error)
                    is_readable = False
        except (DatabaseError, InterfaceError):
            readings, figures, is_readable = [], [], False
        is_readable &= not any(reading.name.startswith("unreadable_") for reading in readings)
        readable.add_metric([], is_readable)
        for reading in readings:
            if reading.labels:
                transactions.add_metric(
                    [reading.labels[label] for label in ("kind", "pid", "name", "database")], reading.seconds
                )
            else:
                waiting.add_metric([reading.name], reading.seconds)
                late.add_metric([reading.name], reading.is_late)
        yield from (readable, waiting, late, transactions, *figures)
