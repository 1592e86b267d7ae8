"""Migrates a database with rows in every table from its oldest state to this release, back, forward again, and to nothing. Prints
JSON.

The oldest state is that of our apps' first migrations. Its code no longer exists, but its models do, in the migrations; their rows
are written by the superuser at SUPERUSER_URL.
"""

import gc
import json
import os
import subprocess
import sys
import uuid
from typing import Any

import django

django.setup()

from django.apps import apps  # noqa: E402
from django.apps.registry import Apps  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402
from django.db.migrations.loader import MigrationLoader  # noqa: E402
from psycopg.conninfo import conninfo_to_dict  # noqa: E402

from audit.partitions.tables import ensure_partitions  # noqa: E402
from audit.restoring import excess_privileges  # noqa: E402
from core.engines.programs import postgres_program  # noqa: E402
from core.operations.restoring import open_tables  # noqa: E402
from core.tenancy import CompanyModel, Tenant, TenantModel, tenant_context  # noqa: E402
from tests.upgrade.rows import OWN_APPS, add_rows, own_models  # noqa: E402
from tests.upgrade.use import use_release  # noqa: E402

WRITER = "superuser"
# The first migrations. Others' apps are as they are now.
OLDEST = [
    *((app, "0001_initial") for app in OWN_APPS),
    *(leaf for leaf in MigrationLoader(None).graph.leaf_nodes() if leaf[0] not in OWN_APPS),
]


def main(template: str) -> None:
    """Go there and back. `template` is the URL of a database that this release has made."""
    gc.set_threshold(100_000, 50)  # rendering models makes and drops many thousands of classes
    superuser = conninfo_to_dict(os.environ["SUPERUSER_URL"])
    connections.databases[WRITER] = connections.databases["owner"] | {
        "USER": superuser["user"], "PASSWORD": superuser.get("password", ""),
    }  # fmt: skip
    stages: dict[str, Any] = {}
    call_command(
        "migrate", "core", "0001", database="owner", verbosity=0
    )  # one app alone, as the first of all
    migrate_to_oldest()
    ensure_partitions()
    old_models = models_at(OLDEST)
    company = add_rows(old_models, using=WRITER)
    stages["oldest"] = stage(old_models)
    migrate()
    stages["upgraded"] = stage(old_models)
    add_rows(models_at(None), using=WRITER)
    use_release()
    stages["used"] = stage(old_models)
    migrate_to_oldest()
    stages["back"] = stage(old_models)
    migrate()
    stages["again"] = stage(old_models)
    found = {
        "stages": stages,
        "new_schema": schema_at(template),
        "seen": seen_by(company),
        "seen_by_another": seen_by(uuid.uuid4()),
        "excess_privileges": excess_privileges(),
        "open_tables": open_tables(),
    }
    call_command("migrate", "accounts", "zero", database="owner", verbosity=0)  # what all others stand on
    found["left"] = our_objects()
    migrate()
    found["made_anew"] = schema_at(os.environ["DATABASE_OWNER_URL"])
    json.dump(found, sys.stdout)


def migrate() -> None:
    """Bring the database to this release."""
    call_command("migrate", database="owner", verbosity=0)


def migrate_to_oldest() -> None:
    """Bring our apps to their first migrations."""
    MigrationExecutor(connections["owner"]).migrate(OLDEST)


def our_objects() -> list[str]:
    """Return the tables, indexes, sequences and functions of our apps that are there."""
    with connections[WRITER].cursor() as cursor:
        cursor.execute(
            "SELECT name FROM ("
            "SELECT relname::text AS name, relnamespace AS schema FROM pg_class "
            "UNION ALL SELECT proname::text, pronamespace FROM pg_proc) things "
            "WHERE schema = 'public'::regnamespace AND split_part(name, '_', 1) = ANY(%s) ORDER BY name",
            [list(OWN_APPS)],
        )
        return [name for (name,) in cursor.fetchall()]


def models_at(state: list[tuple[str, str]] | None) -> Apps:
    """Return the models as of these migrations (None: of all)."""
    return MigrationExecutor(connections["owner"]).loader.project_state(state).apps


def stage(models: Apps) -> dict[str, Any]:
    """Return the database's schema, and the rows of the tables of `models` by table and primary key."""
    rows: dict[str, dict[str, Any]] = {}
    with connections[WRITER].cursor() as cursor:
        there = connections[WRITER].introspection.table_names(cursor)
        for meta in (model._meta for model in own_models(models) if model._meta.db_table in there):
            cursor.execute(f'SELECT "{meta.pk.column}"::text, to_jsonb(t)::text FROM "{meta.db_table}" t')
            rows[meta.db_table] = {key: json.loads(row) for key, row in cursor.fetchall()}
    return {"rows": rows, "schema": schema_at(os.environ["DATABASE_OWNER_URL"])}


def schema_at(url: str) -> list[str]:
    """Return the statements that make tables, constraints, functions, policies and rights of the database at `url`, in a fixed order.

    Without audit's partitions, which no migration makes. A column has no place in its table: one that comes back is the last.
    """
    dumped = subprocess.run(
        [str(postgres_program("pg_dump")), "--schema-only", "--exclude-table=audit_*_p20*", url],
        env={"PATH": os.defpath, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    statements = []
    for paragraph in dumped.split("\n\n"):
        # A dump opens and closes with a word of its own, drawn anew each time.
        lines = [
            line
            for line in paragraph.splitlines()
            if not line.startswith(("--", "\\restrict", "\\unrestrict"))
        ]
        if lines and lines[0].startswith("CREATE TABLE"):
            lines = [lines[0], *sorted(line.strip().rstrip(",") for line in lines[1:])]
        elif all(line.startswith("GRANT") for line in lines):
            lines.sort()  # a right that was taken and given back is the last
        statements.append("\n".join(lines))
    return sorted(filter(None, statements))


def seen_by(company: uuid.UUID) -> dict[str, int]:
    """Return how many rows of each table this release finds for a company, under the app's own role."""
    with tenant_context(Tenant(company, "live")):
        return {
            model._meta.db_table: model.objects.count()
            for model in own_models(apps)
            if issubclass(model, (TenantModel, CompanyModel))
        }


if __name__ == "__main__":
    main(sys.argv[1])
