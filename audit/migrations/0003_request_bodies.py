"""Bodies of requests: written and pruned by `system`, read and deleted by their company."""

import django.db.models.deletion
from django.db import migrations, models

import core.clock
import core.postgres.constraints
import core.values.ids
from core.postgres.vacuum import vacuum_sooner

RIGHTS = """
REVOKE ALL ON audit_requestbodies FROM app, system;
GRANT SELECT, DELETE ON audit_requestbodies TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON audit_requestbodies TO system;
"""
DEFAULT_RIGHTS = "GRANT SELECT, INSERT, UPDATE, DELETE ON audit_requestbodies TO app, system;"
# What is encrypted cannot be compressed; trying takes longer than writing it.
STORAGE = """
ALTER TABLE audit_requestbodies ALTER COLUMN request SET STORAGE EXTERNAL, ALTER COLUMN response SET STORAGE EXTERNAL;
"""
DEFAULT_STORAGE = """
ALTER TABLE audit_requestbodies ALTER COLUMN request SET STORAGE EXTENDED, ALTER COLUMN response SET STORAGE EXTENDED;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("audit", "0002_rights_and_storage"),
    ]

    operations = [
        migrations.CreateModel(
            name="RequestBodies",
            fields=[
                ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("created", models.DateTimeField(default=core.clock.now, editable=False)),
                ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                ("request", models.BinaryField()),
                ("response", models.BinaryField()),
                ("expires_at", models.DateTimeField()),
                (
                    "company",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.company"
                    ),
                ),
            ],
            options={
                "verbose_name": "bodies of a request",
                "verbose_name_plural": "bodies of requests",
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [models.Index(fields=["expires_at"], name="audit_requestbodies_expires_at")],
                "constraints": [
                    core.postgres.constraints.RowLevelSecurity(
                        company_column="company_id", mode_column="mode", name="audit_requestbodies_rls"
                    ),
                    models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="audit_requestbodies_mode"),
                    models.UniqueConstraint(fields=("company", "mode", "id"), name="audit_requestbodies_tenant"),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("created"))), name="audit_requestbodies_expires"
                    ),
                ],
            },
        ),
        migrations.RunSQL(RIGHTS, DEFAULT_RIGHTS),
        migrations.RunSQL(STORAGE, DEFAULT_STORAGE),
        *vacuum_sooner("audit_requestbodies"),
    ]
