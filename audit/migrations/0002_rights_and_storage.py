"""What the roles may do with the audit tables, and how some of them are stored (docs/architecture.md, Audit).

The default privileges give `app` and `system` everything on a new table; here they keep what they need. Nobody but
`owner` may change or remove a row of the trail, the request log or a seal, and the running application is never `owner`.
"""

from django.db import migrations

from core.postgres.vacuum import vacuum_sooner

# Tables that are for `system` alone.
OF_NO_COMPANY = ("staffentry", "unownedrequest", "unownedcount", "unsealedentry", "prunecheckpoint")
OTHERS = ("auditentry", "requestlog", "requestrollup", "usagerollup", "seal", "sealhead")
ALL = ", ".join(f"audit_{name}" for name in (*OF_NO_COMPANY, *OTHERS))

RIGHTS = f"""
REVOKE ALL ON {ALL} FROM app, system;

GRANT SELECT, INSERT ON audit_auditentry TO app;
GRANT SELECT ON audit_requestlog, audit_requestrollup, audit_usagerollup, audit_seal, audit_sealhead TO app;
-- Whoever adds an entry says that it waits for its seal, and nobody but the sealer takes that away.
GRANT INSERT ON audit_unsealedentry TO app;

GRANT SELECT ON audit_auditentry TO system;
GRANT SELECT, INSERT ON audit_staffentry, audit_requestlog, audit_unownedrequest, audit_seal, audit_prunecheckpoint
  TO system;
GRANT SELECT, INSERT, UPDATE, DELETE ON audit_requestrollup, audit_usagerollup, audit_unownedcount TO system;
GRANT SELECT, INSERT, UPDATE ON audit_sealhead TO system;
GRANT SELECT, INSERT, UPDATE (missing_since), DELETE ON audit_unsealedentry TO system;
"""
# Revoked first, since a right on a column stays otherwise.
DEFAULT_RIGHTS = f"""
REVOKE ALL ON {ALL} FROM app, system;
GRANT SELECT, INSERT, UPDATE, DELETE ON {ALL} TO app, system;
"""
POLICIES = "".join(
    f"ALTER TABLE audit_{name} ENABLE ROW LEVEL SECURITY; CREATE POLICY system ON audit_{name} TO system USING (true) WITH CHECK (true);\n"
    for name in OF_NO_COMPANY
)
NO_POLICIES = "".join(
    f"DROP POLICY system ON audit_{name}; ALTER TABLE audit_{name} DISABLE ROW LEVEL SECURITY;\n" for name in OF_NO_COMPANY
)
ADDING = "CREATE POLICY adding ON audit_unsealedentry FOR INSERT TO app WITH CHECK (true);"
NOT_ADDING = "DROP POLICY adding ON audit_unsealedentry;"

STORAGE = """
-- Every batch adds to the same rows of the hour: with room beside them, an update touches no index.
ALTER TABLE audit_requestrollup SET (fillfactor = 60);
ALTER TABLE audit_usagerollup SET (fillfactor = 60);
-- Hashes cannot be compressed; trying takes longer than writing them.
ALTER TABLE audit_seal ALTER COLUMN leaves SET STORAGE EXTERNAL;
"""
DEFAULT_STORAGE = """
ALTER TABLE audit_requestrollup RESET (fillfactor);
ALTER TABLE audit_usagerollup RESET (fillfactor);
ALTER TABLE audit_seal ALTER COLUMN leaves SET STORAGE EXTENDED;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(RIGHTS, DEFAULT_RIGHTS),
        migrations.RunSQL(POLICIES + ADDING, NOT_ADDING + NO_POLICIES),
        migrations.RunSQL(STORAGE, DEFAULT_STORAGE),
        # What waits for its seal is deleted within a minute; the heads are changed each minute.
        *vacuum_sooner("audit_unsealedentry", "audit_sealhead"),
    ]
