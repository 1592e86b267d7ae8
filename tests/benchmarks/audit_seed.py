"""Generates millions of requests of one company inside PostgreSQL, a day at a time: rows first, then indexes."""

import os
import uuid
from datetime import date, datetime, timedelta

import psycopg
from psycopg import sql

from audit.days import day_bounds
from audit.partitions import tables

KEYS, ROUTES = 20, 15
PARENT = "audit_requestlog"

# Keys, routes, statuses and addresses vary independently of each other: 5 % refused, 0.1 % failed.
_ROWS = """
INSERT INTO {table} (id, company_id, mode, key, key_name, method, route, path, status, duration_us,
  request_bytes, response_bytes, ip, user_agent, refused_by, trace)
SELECT (lpad(to_hex(%(start)s + (n::bigint * %(span)s / %(rows)s)), 12, '0') || '7'
        || substr(md5(n::text || %(salt)s), 1, 19))::uuid,
  %(company)s, 'live', (%(keys)s::uuid[])[1 + n %% 20], 'key ' || n %% 20,
  (ARRAY['GET','GET','GET','POST'])[1 + (n / 20) %% 4], '/v1/thing' || (n / 20) %% 15 || '/{{id}}',
  '/v1/thing' || (n / 20) %% 15 || '/' || md5(n::text),
  CASE WHEN h %% 1000 = 0 THEN 500 WHEN h %% 20 = 0 THEN 403 WHEN h %% 20 < 4 THEN 201 ELSE 200 END,
  1000 + n %% 50000, 0, 500, ('10.' || h %% 7 || '.' || h %% 250 || '.' || h %% 199)::inet, 'bench/1',
  CASE WHEN h %% 20 = 0 AND h %% 1000 <> 0 THEN 'ip_not_allowed' ELSE '' END, NULL
FROM (SELECT n, (hashint8(n)::bigint & 1073741823)::int AS h FROM generate_series(1, %(rows)s) AS n) AS made
"""
_ROLLUPS = """
INSERT INTO audit_requestrollup (id, company_id, mode, hour, key, key_name, method, route, requests, client_errors,
  server_errors, refused, duration_us, response_bytes, latency)
SELECT gen_random_uuid(), %(company)s, 'live', hour, key, 'key', 'GET', '/v1/thing' || route || '/{id}',
  60, 3, 0, 3, 60000, 30000, array_fill(2::bigint, ARRAY[32])
FROM generate_series(date_trunc('hour', %(first)s::timestamptz), %(last)s, '1 hour') AS hour,
  unnest(%(keys)s::uuid[]) AS key, generate_series(0, 14) AS route
"""


def seed(company: uuid.UUID, keys: list[uuid.UUID], rows: int, *, first: datetime, last: datetime) -> None:
    """Fill the request log of `company` evenly from `first` to `last`, with hourly roll-ups."""
    days = [first.date() + timedelta(days=n) for n in range((last.date() - first.date()).days + 1)]
    tables.ensure_partitions(days)
    with psycopg.connect(os.environ["SUPERUSER_URL"], autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '1GB'")
        for day in days:
            begin = max(first, datetime(day.year, day.month, day.day, tzinfo=first.tzinfo))
            end = min(last, datetime(day.year, day.month, day.day, tzinfo=first.tzinfo) + timedelta(days=1))
            share = round(rows * ((end - begin) / (last - first)))
            if share:
                _seed_day(connection, day, company, keys, share, begin, end)
        connection.execute(
            sql.SQL(_ROLLUPS), {"company": company, "keys": keys, "first": first, "last": last}
        )
        connection.execute("ANALYZE audit_requestlog")
        connection.execute("ANALYZE audit_requestrollup")
        connection.execute("CHECKPOINT")


def _seed_day(
    connection: psycopg.Connection,
    day: date,
    company: uuid.UUID,
    keys: list[uuid.UUID],
    rows: int,
    begin: datetime,
    end: datetime,
) -> None:
    """Copy the day's partition to a new table, fill it, and attach it in place of the partition."""
    name = sql.Identifier(f"{PARENT}_p{day:%Y%m%d}")
    parent, filled = sql.Identifier(PARENT), sql.Identifier(f"seeded_{day:%Y%m%d}")
    start, stop = (int(moment.timestamp() * 1000) for moment in (begin, end))
    lower, upper = day_bounds(day)
    with connection.transaction():
        connection.execute(
            sql.SQL(
                "CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)"
            ).format(filled, parent)
        )
        connection.execute(
            sql.SQL(_ROWS).format(table=filled),
            {
                "start": start,
                "span": stop - start - 1,
                "rows": rows,
                "salt": str(company),
                "company": company,
                "keys": keys,
            },
        )
        connection.execute(sql.SQL("INSERT INTO {} SELECT * FROM {}").format(filled, name))
        connection.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(parent, name))
        connection.execute(sql.SQL("DROP TABLE {}").format(name))
        connection.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(filled, name))
        connection.execute(sql.SQL("ALTER TABLE {} OWNER TO owner").format(name))
        connection.execute(sql.SQL("REVOKE ALL ON {} FROM PUBLIC, app, system").format(name))
        connection.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(name))
        connection.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                parent, name, sql.Literal(str(lower)), sql.Literal(str(upper))
            )
        )
