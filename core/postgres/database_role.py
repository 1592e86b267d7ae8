"""Refuses to run under a database role that bypasses row-level security (docs/architecture.md, Tenancy)."""

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection

log = structlog.get_logger(__name__)

_FIX = (
    "Create the roles with core/engines/sql/roles.sql (deploy/README.md) and set DATABASE_URL to the role `app`, "
    "DATABASE_OWNER_URL to the role `owner`."
)


def verify_database_role() -> None:
    """Raise ImproperlyConfigured, explaining how to create the right role, when the current one could read across companies."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolbypassrls, "
            "EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "        WHERE c.relowner = r.oid AND n.nspname = 'public'), "
            "EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'system' "
            # PostgreSQL 15 does not have SET: there, every member may switch to the role.
            "        AND pg_has_role(r.oid, s.oid, "
            "            CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) "
            "        AND NOT pg_has_role(r.oid, s.oid, 'USAGE')) "
            "FROM pg_roles r WHERE rolname = current_user"
        )
        name, is_superuser, bypasses, owns, may_become_system = cursor.fetchone()
    problems = [
        text
        for wrong, text in (
            (is_superuser, "is a superuser, which ignores row-level security"),
            (bypasses, "has BYPASSRLS"),
            (owns, "owns tables, whose policies do not hold their owner"),
            (
                not is_superuser and not may_become_system,
                "was not granted `system` WITH SET TRUE, INHERIT FALSE",
            ),
        )
        if wrong
    ]
    if problems:
        raise ImproperlyConfigured(f"The database role `{name}` {' and '.join(problems)}. {_FIX}")


def refuse_wrong_database_role() -> None:
    """Verify the role when a server process starts, then release the connection.

    An unreachable database does not stop the process, since `/readyz` checks again. Raises ImproperlyConfigured.
    """
    try:
        verify_database_role()
    except OperationalError as error:
        log.warning("database.role_not_verified", error=str(error))
    finally:
        connection.close()
