"""Lists partitions and creates those that will be needed. Everything here runs as the role `owner`."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connections, transaction

from audit.days import day_bounds, day_of
from core import clock

OWNER = "owner"
DAYS_AHEAD = 30
# Rows may arrive a little late (if the stream waited for PostgreSQL over midnight).
DAYS_BEHIND = 1
PARENTS = (
    "audit_auditentry",
    "audit_staffentry",
    "audit_requestlog",
    "audit_unownedrequest",
    "audit_seal",
)

# Processes that start at the same time must not both create today's partition.
_LOCK = 0x706F6D_61756469
_BOUNDS = re.compile(r"FROM \('([0-9a-f-]{36})'\) TO \('([0-9a-f-]{36})'\)")


@dataclass(frozen=True, slots=True)
class Partition:
    """One attached (or half-detached) partition. Its bounds, not its name, define its contents."""

    parent: str
    name: str
    lower: uuid.UUID
    upper: uuid.UUID
    is_detaching: bool

    @property
    def day(self) -> date:
        """The first day of the range."""
        return day_of(self.lower)


def list_partitions(*, using: str = OWNER) -> list[Partition]:
    """Return every partition of the audit tables from PostgreSQL's catalog, oldest first."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT parent.relname, child.relname, pg_get_expr(child.relpartbound, child.oid), i.inhdetachpending "
            "FROM pg_inherits i JOIN pg_class parent ON parent.oid = i.inhparent "
            "JOIN pg_class child ON child.oid = i.inhrelid "
            "WHERE parent.relname = ANY(%s) AND parent.relnamespace = 'public'::regnamespace "
            "AND child.relkind = 'r'",
            [list(PARENTS)],
        )
        rows = cursor.fetchall()
    found = []
    for parent, name, expression, is_detaching in rows:
        bounds = _BOUNDS.search(expression or "")
        if bounds is None:
            raise ValueError(f"{name} is a partition of {parent} with bounds of another kind: {expression}")
        found.append(Partition(parent, name, uuid.UUID(bounds[1]), uuid.UUID(bounds[2]), is_detaching))
    return sorted(found, key=lambda p: (p.lower, p.parent))


def wanted_days(today: date) -> list[date]:
    """Return the days that must have a partition: yesterday to DAYS_AHEAD from now."""
    return [today + timedelta(days=offset) for offset in range(-DAYS_BEHIND, DAYS_AHEAD + 1)]


def ensure_partitions(days: Iterable[date] | None = None, *, using: str = OWNER) -> int:
    """Create the missing partitions of `days` (default: `wanted_days` of today). Return how many were created.

    Writers are not blocked: a partition is created separately and then attached, under a lock that allows writes.
    """
    wanted = list(days) if days is not None else wanted_days(clock.now().date())
    if not _missing(wanted, using):
        return 0
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        missing = _missing(wanted, using)
        for parent, day in missing:
            name = f"{parent}_p{day:%Y%m%d}"
            lower, upper = day_bounds(day)
            cursor.execute(f'CREATE TABLE "{name}" (LIKE "{parent}" INCLUDING ALL)')
            # The policies are on the parent, so direct access to a partition must be revoked (docs/architecture.md, Tenancy).
            cursor.execute(f'REVOKE ALL ON "{name}" FROM PUBLIC, app, system')
            cursor.execute(f'ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY')
            cursor.execute(
                f'ALTER TABLE "{parent}" ATTACH PARTITION "{name}" FOR VALUES FROM (%s) TO (%s)',
                [str(lower), str(upper)],
            )
    return len(missing)


def days_ahead(*, using: str = "default") -> int:
    """Return for how many days ahead every audit table has its partition (0 if only today, -1 if none)."""
    return count_days_ahead(list_partitions(using=using))


def count_days_ahead(partitions: Iterable[Partition]) -> int:
    """Return the same for already listed partitions."""
    present = {(p.parent, p.day) for p in partitions if not p.is_detaching}
    today, count = clock.now().date(), -1
    while all((parent, today + timedelta(days=count + 1)) in present for parent in PARENTS):
        count += 1
    return count


def _missing(days: list[date], using: str) -> list[tuple[str, date]]:
    present = {(p.parent, p.day) for p in list_partitions(using=using)}
    return [(parent, day) for day in days for parent in PARENTS if (parent, day) not in present]
