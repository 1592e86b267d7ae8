"""What PostgreSQL's own catalog says about the wall between companies. A new table cannot be forgotten here."""

from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey

from core.postgres.constraints import CompositeForeignKey
from core.tenancy import CompanyModel, TenantModel

# Tables that belong to no company, and why that is right. Everything else must be held by row-level security.
SHARED_TABLES = {
    "accounts_user": "a person may belong to several companies; memberships say to which",
    "accounts_user_groups": "Django's groups of staff",
    "accounts_user_user_permissions": "Django's permissions of staff",
    "account_emailaddress": "belongs to a person (allauth)",
    "account_emailconfirmation": "belongs to a person (allauth)",
    "mfa_authenticator": "belongs to a person (allauth)",
    "usersessions_usersession": "belongs to a person (allauth)",
    "apikeys_leakreport": "found secrets, before it is known whose they are; only the role system reaches it",
    "audit_prunecheckpoint": "what a dropped day held, over all companies; only the role system reaches it",
    "audit_unsealedentry": "ids that wait for the sealer, over all companies; app may add one, only system reads them",
    "audit_staffentry": "events without a company, for staff; only the role system reaches it",
    "audit_unownedcount": "counts of requests without a company; only the role system reaches it",
    "audit_unownedrequest": "requests without a company, for staff; only the role system reaches it",
    "auth_group": "Django's groups of staff",
    "auth_group_permissions": "Django's permissions of staff",
    "auth_permission": "Django's list of permissions",
    "billing_tierlimits": "what each tier allows, the same for every company on it; app only reads it",
    "core_outgoingmail": "mails to people, encrypted, until they are sent; app may add one and see none",
    "core_setaside": "rows that batches set aside, of every company, for staff; only the role system reaches it",
    "django_admin_log": "what staff did on the staff site; only staff read it",
    "django_content_type": "Django's list of models",
    "django_migrations": "Django's list of migrations",
    "django_session": "belongs to a person; names a company only for the switcher",
}
# Tables of a company as a whole, in neither mode: their policy is on the company alone.
WITHOUT_MODE = {
    "accounts_company": "the company itself",
    "accounts_membership": "people work in both modes",
    "accounts_invitation": "people work in both modes",
    "accounts_savedfilter": "people work in both modes",
    "billing_tierrequest": "a tier holds in both modes",
}
# Unique keys that are global on purpose.
GLOBAL_UNIQUE = {
    "billing_invoicelink_token": "a link is looked up before its company is known, by a hash of what it holds",
    "accounts_company": "the short name is part of no secret and is chosen by the company itself",
    "apikeysecret_locator": "the look-up by locator happens before the company is known; eight random characters tell "
    "nothing, and the constraint shows nothing to whoever makes a key, since they do not choose them",
}

ROWS = """
SELECT c.relname, c.relrowsecurity, c.relispartition
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') ORDER BY 1
"""


def fetch(sql: str, params: list[object] | None = None) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def owned_tables() -> list[str]:
    """Return every table, without partitions, that is not in the list of shared ones."""
    return [name for name, _, partition in fetch(ROWS) if not partition and name not in SHARED_TABLES]


def test_every_table_is_shared_for_a_reason_or_held_by_row_level_security() -> None:
    unprotected = [
        name
        for name, secured, partition in fetch(ROWS)
        if not secured and not partition and name not in SHARED_TABLES
    ]
    assert unprotected == []


def test_the_list_of_shared_tables_names_only_tables_that_exist() -> None:
    existing = {name for name, _, _ in fetch(ROWS)} | {
        name for (name,) in fetch("SELECT relname FROM pg_class")
    }
    assert set(SHARED_TABLES) | set(WITHOUT_MODE) | set(GLOBAL_UNIQUE) <= existing


def test_the_policies_hold_company_and_mode_for_read_and_write() -> None:
    wrong = []
    for table in owned_tables():
        policies = fetch(
            "SELECT policyname, roles::text[], coalesce(qual, ''), coalesce(with_check, '') FROM pg_policies "
            "WHERE schemaname = 'public' AND tablename = %s",
            [table],
        )
        mine = [policy for policy in policies if policy[1] != ["system"]]
        if not mine and can_touch(table):
            wrong.append(f"{table}: app may touch it, and no policy is for app")
        for name, roles, using, check in mine:
            if roles != ["app"]:
                wrong.append(f"{table}.{name} is for {roles}")
            for expression in filter(None, (using, check)):
                if "app.company" not in expression:
                    wrong.append(f"{table}.{name} does not hold the company: {expression}")
                if table not in WITHOUT_MODE and "app.mode" not in expression:
                    wrong.append(f"{table}.{name} does not hold the mode: {expression}")
                if " OR " in expression:
                    wrong.append(f"{table}.{name} has an OR: {expression}")
    assert wrong == []


def can_touch(table: str) -> bool:
    return fetch(
        "SELECT has_table_privilege('app', %s, 'SELECT') OR has_table_privilege('app', %s, 'INSERT')",
        [table, table],
    )[0][0]


def test_the_role_of_the_app_owns_nothing_and_bypasses_nothing() -> None:
    assert fetch(
        "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    ) == [("app", False, False)]
    assert (
        fetch("SELECT relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = 'app'")
        == []
    )
    assert fetch("SELECT rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = 'system'") == [
        (False, False, False)
    ]
    # `app` may become `system` on purpose (SET; PostgreSQL 15 says MEMBER), and never is it by accident (INHERIT).
    [(version,)] = fetch("SELECT current_setting('server_version_num')::int")
    become = "SET" if version >= 160000 else "MEMBER"
    assert fetch(
        f"SELECT pg_has_role('app', 'system', '{become}'), pg_has_role('app', 'system', 'USAGE')"
    ) == [(True, False)]


def test_no_partition_can_be_reached_directly() -> None:
    partitions = fetch(
        "SELECT c.relname, r.rolname FROM pg_class c CROSS JOIN pg_roles r "
        "WHERE c.relispartition AND c.relkind = 'r' AND r.rolname IN ('app', 'system') "
        "AND has_table_privilege(r.rolname, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')"
    )
    assert partitions == []


def test_no_view_reads_as_its_owner() -> None:
    assert (
        fetch(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'public' AND c.relkind IN ('v', 'm') "
            "AND NOT coalesce(c.reloptions::text LIKE '%security_invoker=true%', false)"
        )
        == []
    )


def test_every_foreign_key_between_companies_tables_includes_the_tenant() -> None:
    held = set(owned_tables())
    plain = [
        (name, source, target)
        for name, source, target, columns in fetch(
            "SELECT k.conname, s.relname, t.relname, "
            "  (SELECT array_agg(a.attname::text) FROM pg_attribute a "
            "   WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) "
            "FROM pg_constraint k JOIN pg_class s ON s.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid "
            "WHERE k.contype = 'f' AND NOT s.relispartition"
        )
        if source in held and target in held and target != "accounts_company" and "company_id" not in columns
    ]
    assert plain == []


def test_every_reference_in_the_models_is_backed_by_a_composite_foreign_key() -> None:
    missing = []
    for model in apps.get_models():
        backed = {c.fields for c in model._meta.constraints if isinstance(c, CompositeForeignKey)}
        for field in model._meta.get_fields():
            if not isinstance(field, ForeignKey) or not issubclass(
                field.related_model, (TenantModel, CompanyModel)
            ):
                continue
            if field.name not in backed:
                missing.append(f"{model._meta.label}.{field.name}")
    assert missing == []


def test_every_unique_key_of_a_companys_table_includes_company_and_mode() -> None:
    found = fetch(
        "SELECT t.relname, i.relname, "
        "  (SELECT array_agg(a.attname::text) FROM pg_attribute a "
        "   WHERE a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)) "
        "FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid "
        "JOIN pg_namespace n ON n.oid = t.relnamespace "
        "WHERE n.nspname = 'public' AND x.indisunique AND NOT t.relispartition"
    )
    held = set(owned_tables())
    oracles = [
        (table, index, columns)
        for table, index, columns in found
        if table in held
        and columns != ["id"]
        and table not in GLOBAL_UNIQUE
        and index not in GLOBAL_UNIQUE
        and not (
            {"company_id", "mode"} <= set(columns) or (table in WITHOUT_MODE and "company_id" in columns)
        )
    ]
    assert oracles == []
