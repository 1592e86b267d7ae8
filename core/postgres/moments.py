"""Reading `timestamptz` columns by Python's own parser: psycopg's, which knows every style of dates, took a tenth of a list."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from psycopg.adapt import AdaptersMap


class MomentLoader(BaseTzLoader):
    """Reads ISO 8601, which is the style of every session of psycopg's."""

    timezone = UTC  # what Django asks a loader for

    def load(self, data: Any) -> datetime:
        """Return an aware moment in UTC. Raises psycopg's DataError for one that Python cannot hold (`infinity`)."""
        try:
            return datetime.fromisoformat(bytes(data).decode()).astimezone(UTC)
        except (ValueError, OverflowError):
            found: datetime = super().load(data)
            return found


@lru_cache(maxsize=4)
def with_moments(adapters: AdaptersMap) -> AdaptersMap:
    """Return a copy of Django's `adapters` that reads moments by this loader."""
    extended = AdaptersMap(adapters)
    extended.register_loader("timestamptz", MomentLoader)
    return extended
