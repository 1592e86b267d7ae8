"""Takes a database from its oldest state to this release, back, and here again, with rows in every table. Prints JSON.

The oldest state is the first migrations of our apps. No code of that time is left, but its models are, in the migrations; their
rows are written by the superuser at SUPERUSER_URL.
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
from django.core.management import CommandError, call_command  # noqa: E402
from django.db import connections, transaction  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402
from django.db.migrations.loader import MigrationLoader  # noqa: E402
from psycopg.conninfo import conninfo_to_dict  # noqa: E402

from audit.partitions.tables import ensure_partitions  # noqa: E402
from audit.restoring import wrong_rights  # noqa: E402
from core.engines.postgres import binary  # noqa: E402
from core.operations.restoring import open_tables  # noqa: E402
from core.tenancy import CompanyModel, Tenant, TenantModel, tenant_context  # noqa: E402
from tests.upgrade.rows import OWN_APPS, add_rows, own_models  # noqa: E402
from tests.upgrade.use import use_release  # noqa: E402

WRITER = "superuser"
FOREIGN_APPS = ("account", "admin", "auth", "mfa", "sessions", "usersessions")
# The first migrations, and what one of them needs: messaging's asks for billing's second. Others' apps are as they are now.
OLDEST = [
    *((app, "0001_initial") for app in OWN_APPS if app != "billing"),
    ("billing", "0002_invariants"),
    *(leaf for leaf in MigrationLoader(None).graph.leaf_nodes() if leaf[0] in FOREIGN_APPS),
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
    refusals = refuse_each()
    stages["refused"] = stage(old_models)
    let_go()
    migrate_to_oldest()
    stages["back"] = stage(old_models)
    migrate()
    stages["again"] = stage(old_models)
    json.dump(
        {
            "stages": stages,
            "refusals": refusals,
            "new_schema": schema_at(template),
            "seen": seen_by(company),
            "seen_by_another": seen_by(uuid.uuid4()),
            "wrong_rights": wrong_rights(),
            "open_tables": open_tables(),
        },
        sys.stdout,
    )


def migrate() -> None:
    """Bring the database to this release."""
    call_command("migrate", database="owner", verbosity=0)


def migrate_to_oldest() -> None:
    """Bring our apps to their first migrations."""
    MigrationExecutor(connections["owner"]).migrate(OLDEST)


# The migrations that are not taken back while this release's rows are there, and what to remove so that they are.
NOT_LET_GO = {
    ("messaging", "0011_reputation"): ["DELETE FROM messaging_reputation"],
    ("messaging", "0010_attachments"): ["DELETE FROM messaging_messageattachment"],
    ("billing", "0011_after_issue_guards"): [
        f"DELETE FROM billing_{table}" for table in ("creditnoteline", "creditnote", "offplatformpayment")
    ],
    ("billing", "0009_tax_sums"): [
        f"DELETE FROM billing_{table} WHERE company_id IN (SELECT company_id FROM billing_seller)"
        for table in ("refund", "charge", "invoiceline", "invoicelink", "invoice")
    ],
    ("billing", "0007_immutable_by_default"): ["UPDATE billing_invoice SET seller = NULL"],
}


def refuse_each() -> dict[str, str]:
    """Take each of these migrations back by itself, which it must refuse; return what it says."""
    said: dict[str, str] = {}
    for migration in NOT_LET_GO:
        executor = MigrationExecutor(connections["owner"])
        try:
            executor.migrate(None, plan=[(executor.loader.get_migration(*migration), True)])
        except CommandError as refusal:
            said["_".join(migration)] = str(refusal)
    return said


def let_go() -> None:
    """Remove what keeps this release from being taken back."""
    with transaction.atomic(using=WRITER), connections[WRITER].cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statements in NOT_LET_GO.values():
            for statement in statements:
                cursor.execute(statement)


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
        [str(binary("pg_dump")), "--schema-only", "--exclude-table=audit_*_p20*", url],
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
