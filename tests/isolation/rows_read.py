"""How many rows PostgreSQL reads for a piece of work, and tables of which it knows nothing."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection

from tests.engines import superuser_url

# Entries of indexes, and rows of scans from the first to the last.
_READ = """
SELECT relname, sum(read)::bigint FROM (
  SELECT relname, idx_tup_read AS read FROM pg_stat_user_indexes
  UNION ALL SELECT relname, seq_tup_read FROM pg_stat_user_tables
) counted GROUP BY relname
"""


@contextmanager
def without_statistics() -> Iterator[None]:
    """Let PostgreSQL know nothing of any table, as before the first ANALYZE, and learn nothing meanwhile."""
    with psycopg.connect(superuser_url(), autocommit=True) as superuser:
        tables = [
            name
            for (name,) in superuser.execute(
                "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
        ]
        for name in tables:
            superuser.execute(f"ALTER TABLE {name} SET (autovacuum_enabled = false)")
        superuser.execute("DELETE FROM pg_statistic WHERE starelid::regclass::text = ANY(%s)", [tables])
        superuser.execute(
            "UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE oid::regclass::text = ANY(%s)", [tables]
        )
        try:
            yield
        finally:
            for name in tables:
                superuser.execute(f"ALTER TABLE {name} RESET (autovacuum_enabled)")


def rows_read() -> Counter[str]:
    """Return how many rows and entries of indexes were read so far, by table, this thread's own connection included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    with psycopg.connect(superuser_url(), autocommit=True) as superuser:
        return Counter(dict(superuser.execute(_READ).fetchall()))
