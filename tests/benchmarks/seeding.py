"""Fills a migrated database for the benchmarks. `python -m tests.benchmarks.seeding` reads its input from stdin.

Input: `{"keys": number of secrets to return, "customers": rows, "mass_keys": rows}`. Rows are copied inside PostgreSQL by the
superuser, who bypasses row-level security, so that a million take seconds. Mass keys share one copied verifier.
"""

import json
import os
import sys

import django

django.setup()

import psycopg  # noqa: E402
from psycopg import sql  # noqa: E402

from apikeys.models import ApiKeySecret  # noqa: E402
from core.tenancy import tenant_context  # noqa: E402
from tests.factories import make_company, make_customer, make_key, make_user  # noqa: E402

UNLIMITED = 100_000
SCOPES = ("customers:read", "customers:write")


def main() -> None:
    """Create the rows and print `{"secrets": […], "company": ID, "cursor": TypeID in the middle of the customers}`."""
    order = json.load(sys.stdin)
    company = make_company("Benchmark", make_user("benchmark"), tier="enterprise")
    with psycopg.connect(os.environ["SUPERUSER_URL"], autocommit=True) as connection:
        connection.execute(
            "UPDATE accounts_company SET limit_overrides = %s WHERE id = %s",
            (json.dumps({"requests_per_minute": UNLIMITED}), company.id),
        )
        secrets = [
            make_key(company, scopes=SCOPES, rate_limit=UNLIMITED).client_secret for _ in range(order["keys"])
        ]
        template = make_customer(company.live_tenant, email="ada@example.com", metadata={"plan": "gold"})
        copy_rows(
            connection, "billing_customer", template.id, order["customers"], {"external_id": "'seed-' || n"}
        )
        if order["mass_keys"]:
            with tenant_context(company.live_tenant):
                secret = ApiKeySecret.objects.order_by("-id").first()
            copy_rows(connection, "apikeys_apikey", secret.key_id, order["mass_keys"], {})
            copy_secrets(connection, secret)
        connection.execute("VACUUM ANALYZE")
        cursor = connection.execute(
            "SELECT id FROM billing_customer WHERE company_id = %s ORDER BY id DESC OFFSET %s LIMIT 1",
            (company.id, min(200_000, order["customers"] // 2)),
        ).fetchone()
    from core.values import ids

    print(json.dumps({"secrets": secrets, "cursor": ids.encode("cus", cursor[0])}))


def columns_of(connection: psycopg.Connection, table: str) -> list[str]:
    """Return the names of the non-generated columns of `table`."""
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'",
        (table,),
    )
    return [name for (name,) in rows]


def copy_rows(
    connection: psycopg.Connection, table: str, template: object, count: int, changed: dict[str, str]
) -> None:
    """Insert `count` copies of the row `template` with new IDs. `changed` maps columns to expressions of `n`."""
    changed = {"id": "uuidv7()", **changed}
    names = columns_of(connection, table)
    connection.execute(
        sql.SQL(
            "INSERT INTO {table} ({names}) SELECT {values} FROM {table} t, generate_series(1, {count}) n WHERE t.id = {id}"
        ).format(
            table=sql.Identifier(table),
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            values=sql.SQL(", ").join(
                sql.SQL(changed[name]) if name in changed else sql.SQL("t.") + sql.Identifier(name)
                for name in names
            ),
            count=sql.Literal(count),
            id=sql.Literal(template),
        )
    )


def copy_secrets(connection: psycopg.Connection, secret: ApiKeySecret) -> None:
    """Give every key without a secret a copy of `secret` with a unique locator."""
    # Continues after existing rows: a database that has been seeded before, or copied from one, has used the first numbers.
    number = "(SELECT count(*) FROM apikeys_apikeysecret) + row_number() OVER ()"
    changed = {"id": "uuidv7()", "key_id": "k.id", "locator": f"lpad(({number})::text, 8, '0')"}
    names = columns_of(connection, "apikeys_apikeysecret")
    connection.execute(
        sql.SQL(
            "INSERT INTO apikeys_apikeysecret ({names}) SELECT {values} FROM apikeys_apikeysecret t, apikeys_apikey k "
            "WHERE t.id = {id} AND NOT EXISTS (SELECT FROM apikeys_apikeysecret s WHERE s.key_id = k.id)"
        ).format(
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            values=sql.SQL(", ").join(
                sql.SQL(changed[name]) if name in changed else sql.SQL("t.") + sql.Identifier(name)
                for name in names
            ),
            id=sql.Literal(secret.id),
        )
    )


if __name__ == "__main__":
    main()
