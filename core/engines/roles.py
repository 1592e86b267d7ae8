"""Applies the role SQL (`sql/roles.sql`, `sql/database.sql`), which operators of an external PostgreSQL run by hand."""

from pathlib import Path

import psycopg
from psycopg import sql

ROLES_SQL = Path(__file__).parent / "sql" / "roles.sql"
DATABASE_SQL = Path(__file__).parent / "sql" / "database.sql"


def apply_roles(*, superuser_url: str, owner_password: str, app_password: str) -> None:
    """Create the three roles, or reset their attributes and passwords."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for name, value in (("owner", owner_password), ("app", app_password)):
            connection.execute("SELECT set_config(%s, %s, false)", (f"pomelo.{name}_password", value))
        connection.execute(ROLES_SQL.read_bytes())


def create_database(*, superuser_url: str, name: str) -> None:
    """Create the database `name`, owned by the role `owner`, unless it exists."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            statement = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier("owner")))


def ensure_database(*, superuser_url: str, name: str) -> str:
    """Create the database `name` with its privileges, unless it exists. Return the superuser's URL of it."""
    create_database(superuser_url=superuser_url, name=name)
    database_url = psycopg.conninfo.make_conninfo(superuser_url, dbname=name)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(DATABASE_SQL.read_bytes())
    return database_url
