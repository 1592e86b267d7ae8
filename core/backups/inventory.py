"""A comparable inventory of a database: row counts, privileges, owners, row-level security.

A backup stores the inventory of its snapshot. A restore has succeeded if the restored database has the same one.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg import sql

_TABLES = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY c.relname
"""
# The privileges of everybody but the owner on all grantable objects. A null ACL in pg_class means only the owner's privileges;
# for a function it means that everybody may call it, as returned by acldefault().
_RIGHTS = """
    SELECT coalesce(nullif(pg_get_userbyid(granted.grantee), 'unknown (OID=0)'), 'everybody')
        || ': ' || granted.privilege_type || CASE WHEN granted.is_grantable THEN ' (and may pass it on)' ELSE '' END
        || ' on ' || held.what
    FROM (
        SELECT CASE c.relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || c.relname AS what, c.relacl AS rights, c.relowner AS owner
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
        UNION ALL
        SELECT 'column ' || a.attname || ' of ' || c.relname, a.attacl, c.relowner
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND a.attacl IS NOT NULL AND NOT a.attisdropped
        UNION ALL
        SELECT 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
            coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
        UNION ALL
        SELECT 'schema public', n.nspacl, n.nspowner FROM pg_namespace n WHERE n.nspname = 'public'
        UNION ALL
        SELECT 'this database', d.datacl, d.datdba FROM pg_database d WHERE d.datname = current_database()
        UNION ALL
        SELECT 'what ' || pg_get_userbyid(d.defaclrole) || ' makes (' || d.defaclobjtype::text || ')', d.defaclacl, d.defaclrole
        FROM pg_default_acl d WHERE d.defaclnamespace = 'public'::regnamespace
    ) held
    CROSS JOIN LATERAL aclexplode(held.rights) granted
    WHERE granted.grantee <> held.owner
    UNION ALL
    SELECT pg_get_userbyid(c.relowner) || ': owner of ' || c.relname
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
    UNION ALL
    SELECT pg_get_userbyid(p.proowner) || ': owner of ' || p.proname || '()'
        || CASE WHEN p.prosecdef THEN ', which runs as its owner' ELSE '' END
    FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
    ORDER BY 1
"""
_WALLS = """
    SELECT 'row-level security of ' || c.relname
        || CASE WHEN c.relrowsecurity THEN ': on' ELSE ': off' END
        || CASE WHEN c.relforcerowsecurity THEN ', for the owner too' ELSE '' END
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT 'policy ' || policyname || ' on ' || tablename || ' for ' || cmd || ' to ' || array_to_string(roles, ', ')
        || ' (' || permissive || '): ' || coalesce(qual, '') || ' / ' || coalesce(with_check, '')
    FROM pg_policies WHERE schemaname = 'public'
    ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Inventory:
    """Row counts by table, privileges of everybody but the owner, and the state of row-level security."""

    rows: dict[str, int]
    rights: list[str]
    walls: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return the arguments of `Inventory(**…)`."""
        return asdict(self)


def list_tables(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the tables that store rows: partitions, but not their parents."""
    return [name for (name,) in connection.execute(_TABLES).fetchall()]


def take_inventory(connection: psycopg.Connection[Any], *, on_table: Callable[[], None]) -> Inventory:
    """Take the inventory in the connection's transaction. `on_table` is called after each table."""
    rows = {}
    for name in list_tables(connection):
        counted = connection.execute(
            sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(name))
        ).fetchone()
        assert counted is not None
        rows[name] = int(counted[0])
        on_table()
    return Inventory(
        rows,
        [text for (text,) in connection.execute(_RIGHTS).fetchall()],
        [text for (text,) in connection.execute(_WALLS).fetchall()],
    )


def list_differences(backup: Inventory, found: Inventory) -> list[str]:
    """Return the differences between a restored database and its backup, a line each; empty if there are none."""
    differences = [
        f"{name}: {backup.rows.get(name, 'no such table')} rows in the backup, {found.rows.get(name, 'no such table')} restored"
        for name in sorted({*backup.rows, *found.rows})
        if backup.rows.get(name) != found.rows.get(name)
    ]
    for ours, theirs in ((backup.rights, found.rights), (backup.walls, found.walls)):
        differences += [f"missing: {text}" for text in sorted(set(ours) - set(theirs))]
        differences += [f"too much: {text}" for text in sorted(set(theirs) - set(ours))]
    return differences
