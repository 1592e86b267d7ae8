"""The tables of webhooks."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import core.clock
import core.postgres.constraints
import core.postgres.fields
import core.postgres.operations
import core.tenancy.models
import core.values.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("core", "0001_initial"),
    ]

    operations = [
        core.postgres.operations.CreateModels(
            migrations.CreateModel(
                name="Endpoint",
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
                    ("url", models.CharField(max_length=2048)),
                    ("description", models.CharField(blank=True, max_length=500)),
                    ("events", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), size=None)),
                    ("api_version", models.CharField(db_default="2026-11-01", max_length=10)),
                    ("headers", models.BinaryField()),
                    ("enabled", models.BooleanField(default=True)),
                    (
                        "disabled_reason",
                        models.CharField(
                            choices=[
                                ("manual", "Switched off by a person or a key"),
                                ("gone", "The receiver answered 410 Gone"),
                                ("failing", "No delivery succeeded for five days"),
                            ],
                            max_length=16,
                            null=True,
                        ),
                    ),
                    ("disabled_at", models.DateTimeField(null=True)),
                    (
                        "subscribed_from",
                        models.BigIntegerField(db_default=core.postgres.fields.LastValue("core_event_position"), editable=False),
                    ),
                    ("failing_since", models.DateTimeField(null=True)),
                    ("last_success_at", models.DateTimeField(null=True)),
                    ("notice_due", models.BooleanField(default=False)),
                    ("updated", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ("created_by", models.CharField(blank=True, db_default="", max_length=64)),
                    ("created_by_name", models.CharField(blank=True, db_default="", max_length=200)),
                    ("changed_by", models.CharField(blank=True, db_default="", max_length=64)),
                    ("changed_by_name", models.CharField(blank=True, db_default="", max_length=200)),
                    ("deleted_at", models.DateTimeField(null=True)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            condition=models.Q(("deleted_at__isnull", True)),
                            name="webhooks_endpoint_live",
                        ),
                        models.Index(condition=models.Q(("notice_due", True)), fields=["id"], name="webhooks_endpoint_notice"),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="webhooks_endpoint_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="webhooks_endpoint_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="webhooks_endpoint_tenant"),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("disabled_at__isnull", True), ("disabled_reason__isnull", True), ("enabled", True)),
                                models.Q(("disabled_at__isnull", False), ("disabled_reason__isnull", False), ("enabled", False)),
                                _connector="OR",
                            ),
                            name="webhooks_endpoint_disabled",
                        ),
                        models.CheckConstraint(condition=models.Q(("events__len__gte", 1)), name="webhooks_endpoint_events"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Delivery",
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
                    (
                        "endpoint",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="webhooks.endpoint"
                        ),
                    ),
                    (
                        "event",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="core.outboxevent"
                        ),
                    ),
                    ("event_type", models.CharField(max_length=64)),
                    (
                        "status",
                        models.CharField(
                            choices=[
                                ("pending", "Pending"),
                                ("sending", "Sending"),
                                ("retrying", "Retrying"),
                                ("succeeded", "Succeeded"),
                                ("exhausted", "Exhausted"),
                                ("canceled", "Canceled"),
                            ],
                            default="pending",
                            max_length=9,
                        ),
                    ),
                    ("due_at", models.DateTimeField(null=True)),
                    ("attempts", models.PositiveIntegerField(default=0)),
                    ("failures", models.PositiveSmallIntegerField(default=0)),
                    ("manual", models.BooleanField(default=False)),
                    ("last_status_code", models.PositiveSmallIntegerField(null=True)),
                    ("finished_at", models.DateTimeField(null=True)),
                ],
                options={
                    "verbose_name_plural": "deliveries",
                    "permissions": [("resend_delivery", "Can send a company's delivery again")],
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(
                            condition=models.Q(("due_at__isnull", False)), fields=["endpoint", "due_at"], name="webhooks_delivery_due"
                        ),
                        models.Index(condition=models.Q(("status", "sending")), fields=["endpoint"], name="webhooks_delivery_sending"),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="webhooks_delivery_newest",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("endpoint"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="webhooks_delivery_by_endpoint",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("status"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="webhooks_delivery_by_status",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("event_type"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="webhooks_delivery_by_type",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="webhooks_delivery_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="webhooks_delivery_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="webhooks_delivery_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="endpoint", name="webhooks_delivery_endpoint_fk", to="webhooks.Endpoint", with_mode=True
                        ),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="event", name="webhooks_delivery_body_fk", to="webhooks.EventBody", to_field="event", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "event", "endpoint"), name="webhooks_delivery_once"),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("due_at__isnull", False), ("status__in", ["pending", "sending", "retrying"])),
                                models.Q(("due_at__isnull", True), ("status__in", ["succeeded", "exhausted", "canceled"])),
                                _connector="OR",
                            ),
                            name="webhooks_delivery_clock",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="EndpointHour",
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
                    (
                        "endpoint",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="hours", to="webhooks.endpoint"
                        ),
                    ),
                    ("hour", models.DateTimeField()),
                    ("succeeded", models.PositiveIntegerField(default=0)),
                    ("failed", models.PositiveIntegerField(default=0)),
                    ("latency", django.contrib.postgres.fields.ArrayField(base_field=models.PositiveIntegerField(), size=10)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="webhooks_endpointhour_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="webhooks_endpointhour_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="webhooks_endpointhour_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="endpoint", name="webhooks_endpointhour_endpoint_fk", to="webhooks.Endpoint", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "endpoint", "hour"), name="webhooks_endpointhour_once"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="EndpointSecret",
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
                    (
                        "endpoint",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="secrets", to="webhooks.endpoint"
                        ),
                    ),
                    ("secret", models.BinaryField()),
                    ("expires", models.DateTimeField(null=True)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [models.Index(fields=["endpoint", "-id"], name="webhooks_endpointsecret_newest")],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="webhooks_endpointsecret_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="webhooks_endpointsecret_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="webhooks_endpointsecret_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="endpoint", name="webhooks_endpointsecret_endpoint", to="webhooks.Endpoint", with_mode=True
                        ),
                        models.UniqueConstraint(
                            condition=models.Q(("expires__isnull", True)),
                            fields=("company", "mode", "endpoint"),
                            name="webhooks_endpointsecret_current",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="EventBody",
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
                    (
                        "event",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="core.outboxevent"
                        ),
                    ),
                    ("body", models.BinaryField()),
                    ("traceparent", models.CharField(editable=False, max_length=55, null=True)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="webhooks_eventbody_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="webhooks_eventbody_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="webhooks_eventbody_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="event", name="webhooks_eventbody_event_fk", to="core.OutboxEvent", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "event"), name="webhooks_eventbody_event"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="RecoveryJob",
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
                    (
                        "endpoint",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="recoveries", to="webhooks.endpoint"
                        ),
                    ),
                    (
                        "kind",
                        models.CharField(
                            choices=[("recover", "Resend failed deliveries"), ("replay_missing", "Send events the endpoint never got")],
                            max_length=14,
                        ),
                    ),
                    (
                        "status",
                        models.CharField(
                            choices=[("running", "Running"), ("done", "Done"), ("canceled", "Canceled")], default="running", max_length=8
                        ),
                    ),
                    ("since", models.DateTimeField()),
                    ("until", models.DateTimeField()),
                    ("cursor", models.UUIDField(null=True)),
                    ("examined", models.PositiveIntegerField(default=0)),
                    ("queued", models.PositiveIntegerField(default=0)),
                    ("total", models.PositiveIntegerField(default=0)),
                    ("position", models.BigIntegerField(default=0)),
                    (
                        "began_at_sequence",
                        models.BigIntegerField(db_default=core.postgres.fields.LastValue("core_event_sequence"), editable=False),
                    ),
                    ("began_at_position", models.BigIntegerField(default=0, editable=False)),
                    ("checked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                    ("finished_at", models.DateTimeField(null=True)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("endpoint"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="webhooks_recoveryjob_newest",
                        ),
                        models.Index(condition=models.Q(("status", "running")), fields=["checked_at"], name="webhooks_recoveryjob_next"),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="webhooks_recoveryjob_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="webhooks_recoveryjob_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="webhooks_recoveryjob_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="endpoint", name="webhooks_recoveryjob_endpoint_fk", to="webhooks.Endpoint", with_mode=True
                        ),
                        models.CheckConstraint(condition=models.Q(("since__lt", models.F("until"))), name="webhooks_recoveryjob_period"),
                        models.UniqueConstraint(
                            condition=models.Q(("status", "running")),
                            fields=("company", "mode", "endpoint"),
                            name="webhooks_recoveryjob_running",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Attempt",
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
                    (
                        "delivery",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="attempt_rows", to="webhooks.delivery"
                        ),
                    ),
                    ("number", models.PositiveIntegerField()),
                    ("trigger", models.CharField(choices=[("scheduled", "Scheduled"), ("manual", "Manual")], max_length=9)),
                    ("url", models.CharField(max_length=2048)),
                    ("status_code", models.PositiveSmallIntegerField(null=True)),
                    ("duration_ms", models.PositiveIntegerField()),
                    ("error", models.CharField(blank=True, max_length=32)),
                    ("response_headers", models.JSONField(default=dict)),
                    ("response_body", models.TextField(blank=True)),
                    ("next_attempt_at", models.DateTimeField(null=True)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="webhooks_attempt_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="webhooks_attempt_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="webhooks_attempt_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="delivery", name="webhooks_attempt_delivery_fk", to="webhooks.Delivery", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "delivery", "number"), name="webhooks_attempt_number"),
                    ],
                },
            ),
        ),
    ]
