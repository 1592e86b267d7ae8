"""What a tenant owns, as one digest per table: equal before and after means nothing of it was touched."""

from functools import lru_cache

import psycopg
from django.db import connections
from psycopg import sql

from apikeys.usage import BUFFER
from core.tenancy import Tenant
from tests.isolation.test_catalog import SHARED_TABLES

# What has ever held a row. Most partitions, of which there is one for each day, never have, and need not be read.
WITH_ROWS = """
SELECT oid FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0 ORDER BY relname
"""
OWNED = """
SELECT c.relname, coalesce(pg_partition_root(c.oid), c.oid)::regclass::text, array_agg(a.attname::text)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('company_id', 'mode')
WHERE c.oid = ANY(%s::oid[]) GROUP BY 1, 2 ORDER BY 1
"""
OF_MODE = " AND company_id || ' ' || mode = ANY(%(owners)s)"
# A key's first success of an hour is written beside whatever it was used for: the hour may change between two looks.
BUT = {"audit_auditentry": " AND action <> 'api_key.authenticated'"}


def digest(
    *tenants: Tenant, without: tuple[str, ...] = (), both_modes: bool = False
) -> dict[str, tuple[int, str]]:
    """Return (number of rows, hash of all of them) of every table and partition in which one of `tenants` has any.

    Read past both walls, as the owner. Tables whose names begin with one of `without` are left out. With `both_modes` the rows
    are those of whole companies.
    """
    # Last uses are written in batches; those of the tenant's own keys must not arrive between two looks.
    BUFFER.flush()
    with connections["owner"].cursor() as cursor:
        cursor.execute(WITH_ROWS)
        tables = tuple(oid for (oid,) in cursor.fetchall())
        raw: psycopg.Connection = connections["owner"].connection
        # Prepared: planning it takes longer than reading a tenant's rows.
        raw.prepare_threshold = 0
        found = psycopg.Cursor(raw).execute(
            _statement(tables, without, both_modes),
            {
                "companies": list({tenant.company_id for tenant in tenants}),
                "owners": [f"{tenant.company_id} {tenant.mode}" for tenant in tenants],
            },
        )
        return {name: (count, mark) for name, count, mark in found}


def changed(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> list[str]:
    """Return the tables between whose digests anything has come, gone or become different."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


@lru_cache(maxsize=64)
def _statement(tables: tuple[int, ...], without: tuple[str, ...], both_modes: bool) -> str:
    """Return the query that reads those of `tables` that belong to companies."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(OWNED, [list(tables)])
        parts = [
            sql.SQL(
                # A sum, which needs no order: sorting rows by all they say takes longer than reading them.
                "SELECT {name}, count(*), sum(hashtextextended(t::text, 0))::text FROM {table} t "
                "WHERE company_id = ANY(%(companies)s){mode}{but} HAVING count(*) > 0"
            ).format(
                name=sql.Literal(name),
                table=sql.Identifier(name),
                mode=sql.SQL(OF_MODE if "mode" in columns and not both_modes else ""),
                but=sql.SQL(BUT.get(root, "")),
            )
            for name, root, columns in cursor.fetchall()
            if "company_id" in columns and root not in SHARED_TABLES and not name.startswith(without)
        ]
        return sql.SQL(" UNION ALL ").join(parts).as_string(connections["owner"].connection)
