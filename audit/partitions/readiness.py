"""The readiness check of the partitions. Without today's, no change could be recorded, so none could be made."""

from django.db import DatabaseError

from audit.partitions.tables import days_ahead
from core.operations.health import NotReady

WARN_BELOW_DAYS = 7


def check_partitions() -> str | None:
    """Return a warning if partitions exist for less than a week ahead. Raises NotReady if today's is missing."""
    try:
        ahead = days_ahead()
    except DatabaseError as error:
        raise NotReady("the audit partitions cannot be read") from error
    if ahead < 0:
        raise NotReady("today's audit partition is missing: run `manage.py migrate --database=owner`")
    if ahead < WARN_BELOW_DAYS:
        return f"audit partitions are made for {ahead} more days only: is the scheduler (beat) running?"
    return None
