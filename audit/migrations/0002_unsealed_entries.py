"""Entries wait for their seal in a table of their own, instead of above a transaction id."""

from django.db import migrations, models
from django.db.models.functions import Now

import core.postgres.fields

SEQUENCE = "CREATE SEQUENCE audit_entry_sequence;"
NO_SEQUENCE = "DROP SEQUENCE audit_entry_sequence;"

# Whoever adds an entry adds its row here, and nobody but the sealer takes one away.
RIGHTS = """
REVOKE ALL ON audit_unsealedentry FROM app, system;
GRANT INSERT ON audit_unsealedentry TO app;
GRANT SELECT, INSERT, UPDATE (missing_since), DELETE ON audit_unsealedentry TO system;
ALTER TABLE audit_unsealedentry ENABLE ROW LEVEL SECURITY;
CREATE POLICY adding ON audit_unsealedentry FOR INSERT TO app WITH CHECK (true);
CREATE POLICY system ON audit_unsealedentry TO system USING (true) WITH CHECK (true);
"""

# Read from the seals themselves, since a restored database may count its transactions anew.
FILL = """
WITH sealed AS (
    SELECT substring(s.leaves FROM n * 48 + 1 FOR 16) AS id FROM audit_seal s, generate_series(0, s.rows - 1) n
    WHERE s.stream = 'entries'
)
INSERT INTO audit_unsealedentry (id, stream)
SELECT id, 'entries' FROM audit_auditentry e
WHERE NOT EXISTS (SELECT FROM sealed WHERE sealed.id = uuid_send(e.id)) ORDER BY id;
WITH sealed AS (
    SELECT substring(s.leaves FROM n * 48 + 1 FOR 16) AS id FROM audit_seal s, generate_series(0, s.rows - 1) n
    WHERE s.stream = 'staff'
)
INSERT INTO audit_unsealedentry (id, stream)
SELECT id, 'staff' FROM audit_staffentry e
WHERE NOT EXISTS (SELECT FROM sealed WHERE sealed.id = uuid_send(e.id)) ORDER BY id;
"""
# Every entry gets the id of this transaction back: those before the next one count as sealed.
PASS = """
INSERT INTO audit_sealcursor (stream, transaction_id)
SELECT stream, pg_current_xact_id()::text::bigint + 1 FROM unnest(ARRAY['entries', 'staff']) AS stream;
"""
CURSOR_RIGHTS = """
REVOKE ALL ON audit_sealcursor FROM app, system;
GRANT SELECT, INSERT, UPDATE ON audit_sealcursor TO system;
ALTER TABLE audit_sealcursor ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON audit_sealcursor TO system USING (true) WITH CHECK (true);
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(SEQUENCE, NO_SEQUENCE),
        migrations.CreateModel(
            name="UnsealedEntry",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                (
                    "stream",
                    models.CharField(
                        choices=[
                            ("entries", "Audit entries"),
                            ("requests", "Requests"),
                            ("staff", "Events without a company"),
                            ("unowned", "Requests without a company"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "sequence",
                    models.BigIntegerField(
                        db_default=core.postgres.fields.NextValue("audit_entry_sequence"), editable=False
                    ),
                ),
                ("created", models.DateTimeField(db_default=Now(), editable=False)),
                ("missing_since", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "unsealed entries",
                "indexes": [
                    models.Index(
                        condition=models.Q(("missing_since__isnull", True)),
                        fields=["stream", "sequence"],
                        name="audit_unsealedentry_next",
                    )
                ],
            },
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
        migrations.RunSQL(FILL, PASS),
        migrations.RunSQL(migrations.RunSQL.noop, CURSOR_RIGHTS),
        migrations.RemoveIndex(model_name="auditentry", name="audit_entry_transaction"),
        migrations.RemoveIndex(model_name="staffentry", name="audit_staffentry_transaction"),
        migrations.RemoveField(model_name="auditentry", name="transaction_id"),
        migrations.RemoveField(model_name="staffentry", name="transaction_id"),
        migrations.DeleteModel(name="SealCursor"),
    ]
