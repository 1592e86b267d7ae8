"""The tables of core."""

import django.db.models.deletion
from django.db import migrations, models

import core.clock
import core.models
import core.postgres.constraints
import core.postgres.fields
import core.postgres.operations
import core.values.ids

# The defaults of columns name them, so they are there before the tables.
SEQUENCES = "CREATE SEQUENCE core_event_sequence; CREATE SEQUENCE core_event_position;"
NO_SEQUENCES = "DROP SEQUENCE core_event_position; DROP SEQUENCE core_event_sequence;"


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(SEQUENCES, NO_SEQUENCES),
        core.postgres.operations.CreateModels(
            migrations.CreateModel(
                name="OutgoingMail",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("created", models.DateTimeField(default=core.clock.now, editable=False)),
                    ("content", models.BinaryField()),
                    ("attempts", models.PositiveSmallIntegerField(default=0)),
                    ("due_at", models.DateTimeField()),
                ],
                options={
                    "indexes": [models.Index(fields=["due_at"], name="core_outgoingmail_due")],
                },
            ),
            migrations.CreateModel(
                name="SetAside",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("batch", models.CharField(help_text="Which work it was part of.", max_length=64)),
                    ("item", models.CharField(help_text="Its identifier.", max_length=200)),
                    ("row_id", models.UUIDField(null=True)),
                    ("reason", models.CharField(max_length=500)),
                    ("attempts", models.PositiveIntegerField(default=1)),
                    ("first_seen", models.DateTimeField(default=core.clock.now, editable=False)),
                    ("last_seen", models.DateTimeField()),
                    ("try_again_at", models.DateTimeField()),
                ],
                options={
                    "verbose_name": "row set aside",
                    "verbose_name_plural": "rows set aside",
                    "constraints": [models.UniqueConstraint(fields=("batch", "item"), name="core_setaside_once")],
                },
            ),
            migrations.CreateModel(
                name="IdempotencyRecord",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    (
                        "company",
                        models.ForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.company"
                        ),
                    ),
                    ("created", models.DateTimeField(default=core.clock.now, editable=False)),
                    ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                    ("key", models.CharField(max_length=255)),
                    ("fingerprint", models.BinaryField(max_length=32)),
                    ("status", models.PositiveSmallIntegerField()),
                    ("headers", models.JSONField(default=dict)),
                    ("body", models.BinaryField()),
                    ("actor", models.CharField(blank=True, db_default="", help_text="Who got the answer first.", max_length=64)),
                    ("scopes", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
                    ("expires", models.DateTimeField(default=core.models._idempotency_expiry)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [models.Index(fields=["expires"], name="core_idempotencyrecord_expires")],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="core_idempotencyrecord_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="core_idempotencyrecord_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="core_idempotencyrecord_tenant"),
                        models.UniqueConstraint(fields=("company", "mode", "key"), name="core_idempotencyrecord_key"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="OutboxEvent",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    (
                        "company",
                        models.ForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.company"
                        ),
                    ),
                    ("created", models.DateTimeField(default=core.clock.now, editable=False)),
                    ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                    ("type", models.CharField(max_length=64)),
                    ("object_id", models.CharField(max_length=64)),
                    ("data", models.JSONField()),
                    ("public", models.BooleanField()),
                    ("sequence", models.BigIntegerField(db_default=core.postgres.fields.NextValue("core_event_sequence"), editable=False)),
                    ("position", models.BigIntegerField(editable=False, null=True)),
                    ("relayed_at", models.DateTimeField(null=True)),
                    ("api_version", models.CharField(db_default="2026-11-01", editable=False, max_length=10)),
                    ("traceparent", models.CharField(editable=False, max_length=55, null=True)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(
                            condition=models.Q(("relayed_at__isnull", True)),
                            fields=["company", "position", "sequence"],
                            name="core_outboxevent_waiting",
                        ),
                        models.Index(fields=["company", "mode", "type", "position"], name="core_outboxevent_type"),
                        models.Index(fields=["company", "mode", "object_id", "id"], name="core_outboxevent_object"),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="core_outboxevent_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="core_outboxevent_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="core_outboxevent_tenant"),
                        models.UniqueConstraint(fields=("company", "mode", "position"), name="core_outboxevent_position"),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("position__isnull", True), ("public", False), ("relayed_at__isnull", False)),
                                models.Q(("public", True), ("relayed_at__isnull", True)),
                                models.Q(("position__isnull", False), ("public", True)),
                                _connector="OR",
                            ),
                            name="core_outboxevent_relayed",
                        ),
                    ],
                },
            ),
        ),
    ]
