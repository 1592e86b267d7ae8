"""What must not wait for long, and how long it has: for `/metrics`, the staff's first page and `manage.py verify_platform`.

Each app adds its watches from its AppConfig. They are read when somebody asks, by whichever process is asked: an age that
only workers measured would stand still when no worker runs, which is when it matters. What to do about each is told in
docs/runbooks/what-waits.md.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from django.db import DatabaseError, connection
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from core.tenancy import system_context

# Transactions younger than this are nobody's worry; a dump or a long report passes it and says what it is.
LONG_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Reading:
    """How long something has waited, in seconds, and after how long somebody should look. `labels` name the culprit."""

    name: str
    text: str
    seconds: float
    limit: float
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def is_late(self) -> bool:
        """Whether it has waited too long."""
        return self.seconds > self.limit


@dataclass(frozen=True, slots=True)
class Figures:
    """A metric that PostgreSQL or Valkey knows and no process counts: its name and labels, and what reads it.

    `read` yields the labels' values and the number. It may raise Django's database errors.
    """

    name: str
    text: str
    labels: tuple[str, ...]
    read: Callable[[], Iterable[tuple[tuple[str, ...], float]]]


Watch = Callable[[], Iterable[Reading]]
WATCHES: dict[str, Watch] = {}
FIGURES: list[Figures] = []


def read_all() -> list[Reading]:
    """Return every reading. Raises Django's database errors."""
    return [reading for watch in WATCHES.values() for reading in watch()]


def read_transactions() -> Iterator[Reading]:
    """Yield transactions of any database of the server that are open for long, and prepared ones that nobody has ended."""
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
    """Prometheus metrics of the readings, taken at the scrape."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the ages; none, and `pomelo_watches_readable 0`, while PostgreSQL cannot be asked."""
        readable = GaugeMetricFamily("pomelo_watches_readable", "Whether what waits could be read")
        waiting = GaugeMetricFamily(
            "pomelo_waiting_seconds", "How long the oldest of its kind has waited", labels=["what"]
        )
        late = GaugeMetricFamily(
            "pomelo_waiting_late", "Whether it has waited too long: somebody should look", labels=["what"]
        )
        transactions = GaugeMetricFamily(
            "pomelo_long_transaction_seconds",
            "Transactions open for more than five minutes, and prepared ones that nobody has ended",
            labels=["kind", "pid", "name", "database"],
        )
        figures: list[GaugeMetricFamily] = []
        try:
            readings = read_all()
            figures = [_read(each) for each in FIGURES]
        except DatabaseError:
            readable.add_metric([], 0)
            readings = []
        else:
            readable.add_metric([], 1)
        for reading in readings:
            if reading.labels:
                transactions.add_metric(
                    [reading.labels[label] for label in ("kind", "pid", "name", "database")], reading.seconds
                )
            else:
                waiting.add_metric([reading.name], reading.seconds)
                late.add_metric([reading.name], reading.is_late)
        yield from (readable, waiting, late, transactions, *figures)


def _read(figures: Figures) -> GaugeMetricFamily:
    family = GaugeMetricFamily(figures.name, figures.text, labels=figures.labels)
    for labels, value in figures.read():
        family.add_metric(labels, value)
    return family
