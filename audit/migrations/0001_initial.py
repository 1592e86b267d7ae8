"""The tables of audit, five of them partitioned by day."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import audit.partitions.operations
import core.clock
import core.postgres.constraints
import core.postgres.fields
import core.postgres.operations
import core.values.ids

# The defaults of columns name them, so they are there before the tables.
SEQUENCES = "CREATE SEQUENCE audit_entry_sequence;"
NO_SEQUENCES = "DROP SEQUENCE audit_entry_sequence;"


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(SEQUENCES, NO_SEQUENCES),
        core.postgres.operations.CreateModels(
            migrations.CreateModel(
                name="PruneCheckpoint",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("created", models.DateTimeField(default=core.clock.now)),
                    ("table", models.CharField(max_length=64)),
                    ("day", models.DateField()),
                    ("rows", models.PositiveBigIntegerField()),
                    ("heads", models.PositiveIntegerField()),
                    ("heads_digest", models.BinaryField(max_length=32)),
                    ("signature", models.BinaryField(max_length=64)),
                ],
                options={
                    "constraints": [models.UniqueConstraint(fields=("table", "day"), name="audit_prunecheckpoint_once")],
                },
            ),
            audit.partitions.operations.CreatePartitionedModel(
                name="StaffEntry",
                fields=[
                    ("action", models.CharField(db_collation="C", max_length=64)),
                    (
                        "actor_kind",
                        models.CharField(
                            choices=[("key", "API key"), ("user", "Person"), ("staff", "Staff"), ("system", "Pomelo")], max_length=8
                        ),
                    ),
                    ("actor_id", models.CharField(max_length=64)),
                    ("actor_name", models.CharField(db_collation="C", max_length=254)),
                    ("target_type", models.CharField(max_length=64)),
                    ("target_id", models.CharField(max_length=64)),
                    ("ip", models.GenericIPAddressField(null=True)),
                    ("user_agent", models.CharField(max_length=500)),
                    ("request_id", models.CharField(max_length=40)),
                    ("changes", models.JSONField(default=dict)),
                    ("detail", models.JSONField(default=dict)),
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("created", models.DateTimeField(default=core.clock.now, editable=False)),
                ],
                options={
                    "verbose_name": "event without a company",
                    "verbose_name_plural": "events without a company",
                    "indexes": [
                        models.Index(fields=["action", "id"], name="audit_staffentry_action"),
                        models.Index(fields=["actor_id", "id"], name="audit_staffentry_actor"),
                        models.Index(fields=["ip", "id"], name="audit_staffentry_ip"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="UnownedCount",
                fields=[
                    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                    ("hour", models.DateTimeField()),
                    ("refused_by", models.CharField(max_length=64)),
                    ("requests", models.BigIntegerField()),
                    ("first_seen", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "verbose_name": "hourly count without a company",
                    "verbose_name_plural": "hourly counts without a company",
                    "constraints": [models.UniqueConstraint(fields=("hour", "refused_by"), name="audit_unownedcount_cell")],
                },
            ),
            audit.partitions.operations.CreatePartitionedModel(
                name="UnownedRequest",
                fields=[
                    ("method", models.CharField(max_length=8)),
                    ("route", models.CharField(max_length=200)),
                    ("path", models.CharField(db_collation="C", max_length=500)),
                    ("status", models.PositiveSmallIntegerField()),
                    ("duration_us", models.PositiveIntegerField()),
                    ("request_bytes", models.PositiveIntegerField()),
                    ("response_bytes", models.PositiveIntegerField()),
                    ("ip", models.GenericIPAddressField(null=True)),
                    ("user_agent", models.CharField(max_length=300)),
                    ("refused_by", models.CharField(max_length=64)),
                    ("trace", models.JSONField(null=True)),
                    ("client_request_id", models.CharField(db_collation="C", db_default="", default="", max_length=100)),
                    ("traceparent", models.CharField(db_collation="C", db_default="", default="", max_length=55)),
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ],
                options={
                    "verbose_name": "request without a company",
                    "verbose_name_plural": "requests without a company",
                    "indexes": [models.Index(fields=["ip", "id"], name="audit_unownedrequest_ip")],
                },
            ),
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
                    ("sequence", models.BigIntegerField(db_default=core.postgres.fields.NextValue("audit_entry_sequence"), editable=False)),
                    ("created", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
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
            audit.partitions.operations.CreatePartitionedModel(
                name="AuditEntry",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("created", models.DateTimeField(default=core.clock.now, editable=False)),
                    ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                    ("action", models.CharField(db_collation="C", max_length=64)),
                    (
                        "actor_kind",
                        models.CharField(
                            choices=[("key", "API key"), ("user", "Person"), ("staff", "Staff"), ("system", "Pomelo")], max_length=8
                        ),
                    ),
                    ("actor_id", models.CharField(max_length=64)),
                    ("actor_name", models.CharField(db_collation="C", max_length=254)),
                    ("target_type", models.CharField(max_length=64)),
                    ("target_id", models.CharField(max_length=64)),
                    ("ip", models.GenericIPAddressField(null=True)),
                    ("user_agent", models.CharField(max_length=500)),
                    ("request_id", models.CharField(max_length=40)),
                    ("changes", models.JSONField(default=dict)),
                    ("detail", models.JSONField(default=dict)),
                    (
                        "company",
                        models.ForeignKey(
                            db_constraint=False,
                            db_index=False,
                            on_delete=django.db.models.deletion.DO_NOTHING,
                            related_name="+",
                            to="accounts.company",
                        ),
                    ),
                ],
                options={
                    "verbose_name": "audit entry",
                    "verbose_name_plural": "audit entries",
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(fields=["company", "mode", "action", "id"], name="audit_entry_action"),
                        models.Index(fields=["company", "mode", "actor_id", "id"], name="audit_entry_actor"),
                        models.Index(fields=["company", "mode", "actor_name", "id"], name="audit_entry_actor_name"),
                        models.Index(fields=["company", "mode", "target_id", "id"], name="audit_entry_target"),
                        models.Index(fields=["company", "mode", "ip", "id"], name="audit_entry_ip"),
                        models.Index(fields=["company", "mode", "request_id"], name="audit_entry_request"),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="audit_auditentry_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="audit_auditentry_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="audit_auditentry_tenant"),
                    ],
                },
            ),
            audit.partitions.operations.CreatePartitionedModel(
                name="RequestLog",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                    ("method", models.CharField(max_length=8)),
                    ("route", models.CharField(max_length=200)),
                    ("path", models.CharField(db_collation="C", max_length=500)),
                    ("status", models.PositiveSmallIntegerField()),
                    ("duration_us", models.PositiveIntegerField()),
                    ("request_bytes", models.PositiveIntegerField()),
                    ("response_bytes", models.PositiveIntegerField()),
                    ("ip", models.GenericIPAddressField(null=True)),
                    ("user_agent", models.CharField(max_length=300)),
                    ("refused_by", models.CharField(max_length=64)),
                    ("trace", models.JSONField(null=True)),
                    ("client_request_id", models.CharField(db_collation="C", db_default="", default="", max_length=100)),
                    ("traceparent", models.CharField(db_collation="C", db_default="", default="", max_length=55)),
                    (
                        "company",
                        models.ForeignKey(
                            db_constraint=False,
                            db_index=False,
                            on_delete=django.db.models.deletion.DO_NOTHING,
                            related_name="+",
                            to="accounts.company",
                        ),
                    ),
                    ("key", models.UUIDField(null=True)),
                    ("key_name", models.CharField(max_length=100)),
                ],
                options={
                    "verbose_name": "request",
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(fields=["company", "mode", "key", "id"], name="audit_request_key"),
                        models.Index(fields=["company", "mode", "route", "id"], name="audit_request_route"),
                        models.Index(fields=["company", "mode", "status", "id"], name="audit_request_status"),
                        models.Index(fields=["company", "mode", "ip", "id"], name="audit_request_ip"),
                        models.Index(fields=["company", "mode", "path", "id"], name="audit_request_path"),
                        models.Index(
                            condition=models.Q(("client_request_id__gt", "")),
                            fields=["company", "mode", "client_request_id", "id"],
                            name="audit_request_client_id",
                        ),
                        models.Index(
                            condition=models.Q(("traceparent__gt", "")),
                            fields=["company", "mode", "traceparent", "id"],
                            name="audit_request_traceparent",
                        ),
                        models.Index(
                            condition=models.Q(("status__gte", 400), ("status__lt", 500)),
                            fields=["company", "mode", "id"],
                            name="audit_request_4xx",
                        ),
                        models.Index(
                            condition=models.Q(("status__gte", 500)), fields=["company", "mode", "id", "key"], name="audit_request_5xx"
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="audit_requestlog_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="audit_requestlog_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="audit_requestlog_tenant"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="RequestRollup",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                    (
                        "company",
                        models.ForeignKey(
                            db_constraint=False,
                            db_index=False,
                            on_delete=django.db.models.deletion.DO_NOTHING,
                            related_name="+",
                            to="accounts.company",
                        ),
                    ),
                    ("hour", models.DateTimeField()),
                    ("key", models.UUIDField(null=True)),
                    ("key_name", models.CharField(max_length=100)),
                    ("method", models.CharField(max_length=8)),
                    ("route", models.CharField(max_length=200)),
                    ("requests", models.BigIntegerField()),
                    ("client_errors", models.BigIntegerField()),
                    ("server_errors", models.BigIntegerField()),
                    ("refused", models.BigIntegerField()),
                    ("duration_us", models.BigIntegerField()),
                    ("response_bytes", models.BigIntegerField()),
                    ("latency", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=32)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(fields=["company", "mode", "route", "hour"], name="audit_rollup_route"),
                        models.Index(fields=["company", "mode", "key", "hour"], name="audit_rollup_key"),
                        models.Index(fields=["hour"], name="audit_rollup_hour"),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="audit_requestrollup_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="audit_requestrollup_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="audit_requestrollup_tenant"),
                        models.UniqueConstraint(
                            fields=("company", "mode", "hour", "key", "method", "route"),
                            name="audit_requestrollup_cell",
                            nulls_distinct=False,
                        ),
                    ],
                },
            ),
            audit.partitions.operations.CreatePartitionedModel(
                name="Seal",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                    (
                        "company",
                        models.ForeignKey(
                            db_constraint=False,
                            db_index=False,
                            on_delete=django.db.models.deletion.DO_NOTHING,
                            related_name="+",
                            to="accounts.company",
                        ),
                    ),
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
                    ("day", models.DateField()),
                    ("number", models.PositiveIntegerField()),
                    ("rows", models.PositiveIntegerField()),
                    ("previous", models.BinaryField(max_length=32)),
                    ("leaves", models.BinaryField()),
                    ("digest", models.BinaryField(max_length=32)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [models.Index(fields=["company", "mode", "stream", "day", "number"], name="audit_seal_chain")],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(company_column="company_id", mode_column="mode", name="audit_seal_rls"),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="audit_seal_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="audit_seal_tenant"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="SealHead",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                    (
                        "company",
                        models.ForeignKey(
                            db_constraint=False,
                            db_index=False,
                            on_delete=django.db.models.deletion.DO_NOTHING,
                            related_name="+",
                            to="accounts.company",
                        ),
                    ),
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
                    ("day", models.DateField()),
                    ("seals", models.PositiveIntegerField(default=0)),
                    ("rows", models.PositiveBigIntegerField(default=0)),
                    ("digest", models.BinaryField(max_length=32)),
                    ("changed", models.DateTimeField(default=core.clock.now)),
                    ("signed_seals", models.PositiveIntegerField(default=0)),
                    ("signed_at", models.DateTimeField(null=True)),
                    ("signature", models.BinaryField(max_length=64, null=True)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(
                            condition=models.Q(("seals", models.F("signed_seals")), _negated=True),
                            fields=["changed"],
                            name="audit_sealhead_unsigned",
                        ),
                        models.Index(fields=["day"], name="audit_sealhead_day"),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="audit_sealhead_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="audit_sealhead_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="audit_sealhead_tenant"),
                        models.UniqueConstraint(fields=("company", "mode", "stream", "day"), name="audit_sealhead_chain"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="UsageRollup",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("mode", models.CharField(choices=[("live", "Live"), ("test", "Test")], max_length=4)),
                    (
                        "company",
                        models.ForeignKey(
                            db_constraint=False,
                            db_index=False,
                            on_delete=django.db.models.deletion.DO_NOTHING,
                            related_name="+",
                            to="accounts.company",
                        ),
                    ),
                    ("grain", models.CharField(choices=[("hour", "Hour"), ("day", "Day")], max_length=4)),
                    ("start", models.DateTimeField()),
                    (
                        "dimension",
                        models.CharField(choices=[("all", "All"), ("key", "Key"), ("route", "Route"), ("status", "Status")], max_length=6),
                    ),
                    ("value", models.CharField(max_length=210)),
                    ("name", models.CharField(max_length=100)),
                    ("outcomes", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=8)),
                    ("response_bytes", models.BigIntegerField()),
                    ("latency", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=32)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(fields=["company", "mode", "grain", "dimension", "start"], name="audit_usage_start"),
                        models.Index(fields=["start"], name="audit_usage_oldest"),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="audit_usagerollup_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="audit_usagerollup_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="audit_usagerollup_tenant"),
                        models.UniqueConstraint(
                            fields=("company", "mode", "grain", "dimension", "value", "start"), name="audit_usagerollup_cell"
                        ),
                    ],
                },
            ),
        ),
    ]
