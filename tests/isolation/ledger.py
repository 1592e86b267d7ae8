"""What a tenant owns, as one digest per table: equal before and after means nothing of it was touched."""

import psycopg
from django.db import connections
from psycopg import sql

from apikeys.usage import BUFFER
from core.tenancy import Tenant
from tests.isolation.test_catalog import SHARED_TABLES


def digest(tenant: Tenant) -> dict[str, tuple[int, str]]:
    """Return (number of rows, hash of all of them) of every table for `tenant`, read past both walls as the owner."""
    # Last uses are written in batches; those of the tenant's own keys must not arrive between two looks.
    BUFFER.flush()
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, array_agg(a.attname::text) "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('company_id', 'mode') "
            "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition GROUP BY 1 ORDER BY 1"
        )
        tables = [(name, columns) for name, columns in cursor.fetchall() if name not in SHARED_TABLES]
        parts = [
            sql.SQL(
                "SELECT {name}, count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} t "
                "WHERE company_id = %(company)s{mode}"
            ).format(
                name=sql.Literal(name),
                table=sql.Identifier(name),
                mode=sql.SQL(" AND mode = %(mode)s" if "mode" in columns else ""),
            )
            for name, columns in tables
        ]
        raw: psycopg.Connection = connections["owner"].connection
        # Prepared: planning it, with all the days' partitions, takes longer than reading a tenant's rows.
        raw.prepare_threshold = 0
        found = psycopg.Cursor(raw).execute(
            sql.SQL(" UNION ALL ").join(parts), {"company": tenant.company_id, "mode": tenant.mode}
        )
        return {name: (count, mark) for name, count, mark in found}
