"""The tables of messaging."""

import django.db.models.deletion
from django.db import migrations, models

import core.clock
import core.postgres.constraints
import core.postgres.operations
import core.tenancy.models
import core.values.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("billing", "0001_initial"),
    ]

    operations = [
        core.postgres.operations.CreateModels(
            migrations.CreateModel(
                name="CompanySenders",
                fields=[],
                options={
                    "verbose_name": "company's senders",
                    "verbose_name_plural": "companies' senders",
                    "permissions": [("assign_smssender", "Can give a company an SMS sender")],
                    "proxy": True,
                    "indexes": [],
                    "constraints": [],
                },
                bases=("accounts.company",),
            ),
            migrations.CreateModel(
                name="Message",
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
                    ("channel", models.CharField(max_length=16)),
                    (
                        "status",
                        models.CharField(
                            choices=[
                                ("queued", "Queued"),
                                ("scheduled", "Scheduled"),
                                ("sending", "Sending"),
                                ("sent", "Sent"),
                                ("delivered", "Delivered"),
                                ("bounced", "Bounced"),
                                ("complained", "Complained"),
                                ("failed", "Failed"),
                                ("canceled", "Canceled"),
                                ("suppressed", "Suppressed"),
                            ],
                            max_length=16,
                        ),
                    ),
                    ("sender", models.CharField(blank=True, max_length=700)),
                    ("reply_to", models.JSONField(default=list)),
                    ("subject", models.CharField(blank=True, max_length=998)),
                    ("text", models.TextField(blank=True)),
                    ("html", models.TextField(blank=True)),
                    (
                        "customer",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, null=True, on_delete=django.db.models.deletion.RESTRICT, related_name="+", to="billing.customer"
                        ),
                    ),
                    (
                        "topic",
                        models.CharField(
                            blank=True, db_default="", help_text="What bulk mail is about; transactional messages have none.", max_length=50
                        ),
                    ),
                    (
                        "headers",
                        models.JSONField(
                            db_default={}, default=dict, help_text="Headers of an email that the caller has set (messaging.custom_headers)."
                        ),
                    ),
                    (
                        "template",
                        models.CharField(
                            blank=True, db_default="", help_text="The id of the template it was made of, which may be gone.", max_length=40
                        ),
                    ),
                    ("template_version", models.PositiveIntegerField(null=True)),
                    (
                        "attachments",
                        models.JSONField(
                            db_default=models.Value([], models.JSONField()),
                            default=list,
                            help_text="Name, type and size of each file, in their order; the bytes are in rows of their own.",
                        ),
                    ),
                    ("tags", models.JSONField(default=list)),
                    ("metadata", models.JSONField(default=dict)),
                    ("recipient_count", models.PositiveSmallIntegerField()),
                    ("created_by", models.CharField(blank=True, db_default="", help_text="The key or person that sent it.", max_length=64)),
                    ("send_at", models.DateTimeField()),
                    ("due_at", models.DateTimeField(null=True)),
                    ("attempt", models.PositiveIntegerField(default=0)),
                    ("deferrals", models.PositiveSmallIntegerField(default=0)),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(
                            condition=models.Q(("due_at__isnull", False)), fields=["company", "due_at"], name="messaging_message_due"
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("status"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="messaging_message_status",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("channel"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="messaging_message_channel",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("customer"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="messaging_message_customer",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="messaging_message_newest",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_message_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_message_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_message_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="customer", name="messaging_message_customer_fk", to="billing.Customer", with_mode=True
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                (
                                    "status__in",
                                    [
                                        "queued",
                                        "scheduled",
                                        "sending",
                                        "sent",
                                        "delivered",
                                        "bounced",
                                        "complained",
                                        "failed",
                                        "canceled",
                                        "suppressed",
                                    ],
                                )
                            ),
                            name="messaging_message_known_status",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("recipient_count__gte", 1), ("recipient_count__lte", 100)),
                            name="messaging_message_recipients",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("topic", ""), ("channel", "email"), _connector="OR"), name="messaging_message_bulk_is_email"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("due_at__isnull", False), ("status__in", ["queued", "scheduled", "sending"])),
                                models.Q(
                                    models.Q(("status__in", ["queued", "scheduled", "sending"]), _negated=True), ("due_at__isnull", True)
                                ),
                                _connector="OR",
                            ),
                            name="messaging_message_waiting",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="MessageAttachment",
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
                        "message",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="attachment_rows",
                            to="messaging.message",
                        ),
                    ),
                    ("position", models.PositiveSmallIntegerField()),
                    ("content", models.BinaryField()),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_messageattachment_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_messageattachment_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_messageattachment_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="message", name="messaging_messageattachment_message_fk", to="messaging.Message", with_mode=True
                        ),
                        models.UniqueConstraint(
                            fields=("company", "mode", "message", "position"), name="messaging_messageattachment_position"
                        ),
                        models.CheckConstraint(condition=models.Q(("position__lt", 5)), name="messaging_messageattachment_few"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="MessageStat",
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
                    ("hour", models.DateTimeField()),
                    ("channel", models.CharField(max_length=16)),
                    ("tag", models.CharField(blank=True, max_length=50)),
                    ("status", models.CharField(max_length=16)),
                    ("latency", models.SmallIntegerField(default=-1)),
                    ("recipients", models.IntegerField()),
                    ("folded", models.BooleanField(default=False)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(fields=["company", "mode", "tag", "hour"], name="messaging_messagestat_tag"),
                        models.Index(fields=["company", "mode", "hour"], name="messaging_messagestat_hour"),
                        models.Index(condition=models.Q(("folded", False)), fields=["id"], name="messaging_messagestat_loose"),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_messagestat_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_messagestat_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_messagestat_tenant"),
                        models.UniqueConstraint(
                            condition=models.Q(("folded", True)),
                            fields=("company", "mode", "tag", "hour", "channel", "status", "latency"),
                            name="messaging_messagestat_folded",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="MessageTag",
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
                        "message",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="tag_rows", to="messaging.message"
                        ),
                    ),
                    ("tag", models.CharField(max_length=50)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [models.Index(fields=["company", "mode", "message"], name="messaging_messagetag_message")],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_messagetag_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_messagetag_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_messagetag_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="message", name="messaging_messagetag_message_fk", to="messaging.Message", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "tag", "message"), name="messaging_messagetag_once"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Recipient",
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
                        "message",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="recipients", to="messaging.message"
                        ),
                    ),
                    ("position", models.PositiveSmallIntegerField()),
                    ("kind", models.CharField(choices=[("to", "To"), ("cc", "Cc"), ("bcc", "Bcc")], default="to", max_length=3)),
                    ("name", models.CharField(blank=True, max_length=200)),
                    ("address", models.CharField(max_length=320)),
                    ("address_normalized", models.CharField(max_length=320)),
                    (
                        "status",
                        models.CharField(
                            choices=[
                                ("queued", "Queued"),
                                ("scheduled", "Scheduled"),
                                ("sending", "Sending"),
                                ("sent", "Sent"),
                                ("delivered", "Delivered"),
                                ("bounced", "Bounced"),
                                ("complained", "Complained"),
                                ("failed", "Failed"),
                                ("canceled", "Canceled"),
                                ("suppressed", "Suppressed"),
                            ],
                            default="queued",
                            max_length=16,
                        ),
                    ),
                    ("error_code", models.CharField(blank=True, max_length=50)),
                    ("error_message", models.CharField(blank=True, max_length=500)),
                    ("provider", models.CharField(blank=True, max_length=30)),
                    ("provider_id", models.CharField(blank=True, max_length=200)),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(fields=["address_normalized", "company", "mode"], name="messaging_recipient_address"),
                        models.Index(
                            condition=models.Q(("provider_id", ""), _negated=True),
                            fields=["provider", "provider_id"],
                            name="messaging_recipient_provider",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_recipient_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_recipient_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_recipient_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="message", name="messaging_recipient_message_fk", to="messaging.Message", with_mode=True
                        ),
                        models.UniqueConstraint(
                            fields=("message", "company", "mode", "address_normalized"), name="messaging_recipient_once"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("status__in", ["queued", "sent", "delivered", "bounced", "complained", "failed", "canceled", "suppressed"])
                            ),
                            name="messaging_recipient_status",
                        ),
                        models.CheckConstraint(condition=models.Q(("kind__in", ["to", "cc", "bcc"])), name="messaging_recipient_kind"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="RecipientEvent",
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
                        "recipient",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="events", to="messaging.recipient"
                        ),
                    ),
                    ("kind", models.CharField(max_length=16)),
                    ("code", models.CharField(blank=True, max_length=50)),
                    ("detail", models.CharField(blank=True, max_length=500)),
                    ("attempt", models.PositiveIntegerField(null=True)),
                    ("source", models.CharField(max_length=30)),
                    ("note_id", models.CharField(max_length=200, null=True)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [models.Index(fields=["company", "mode", "recipient", "id"], name="messaging_recipientevent_line")],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_recipientevent_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_recipientevent_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_recipientevent_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="recipient", name="messaging_recipientevent_recipient_fk", to="messaging.Recipient", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "recipient", "note_id"), name="messaging_recipientevent_note"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Reputation",
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
                        "state",
                        models.CharField(
                            choices=[("good", "Good"), ("slowed", "Slowed"), ("paused", "Paused")], default="good", max_length=6
                        ),
                    ),
                    ("since", models.DateTimeField(default=core.clock.now)),
                    ("sent", models.PositiveIntegerField(default=0)),
                    ("bounced", models.PositiveIntegerField(default=0)),
                    ("complained", models.PositiveIntegerField(default=0)),
                    ("counted_from", models.DateTimeField(null=True)),
                    ("appeal", models.CharField(blank=True, max_length=1000)),
                    ("appealed_at", models.DateTimeField(null=True)),
                    ("decision", models.CharField(blank=True, help_text="What staff said when they lifted it.", max_length=500)),
                    ("notified_at", models.DateTimeField(help_text="When owners were last notified by email.", null=True)),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "permissions": [("lift_reputation", "Can lift what follows from a bad reputation")],
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(
                            condition=models.Q(("state", "good"), _negated=True), fields=["state"], name="messaging_reputation_bad"
                        )
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_reputation_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_reputation_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_reputation_tenant"),
                        models.UniqueConstraint(fields=("company", "mode"), name="messaging_reputation_one"),
                        models.CheckConstraint(
                            condition=models.Q(("state__in", ["good", "slowed", "paused"])), name="messaging_reputation_known_state"
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="SenderDomain",
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
                    ("domain", models.CharField(help_text="In the ASCII form of IDNA, lower case.", max_length=253)),
                    ("token", models.CharField(help_text="What the TXT record of the challenge has to say.", max_length=64)),
                    (
                        "status",
                        models.CharField(
                            choices=[("pending", "Pending"), ("verified", "Verified"), ("failed", "Failed")],
                            default="pending",
                            max_length=8,
                        ),
                    ),
                    ("results", models.JSONField(default=dict)),
                    ("verified_at", models.DateTimeField(null=True)),
                    ("checked_at", models.DateTimeField(null=True)),
                    ("failing_since", models.DateTimeField(null=True)),
                    ("next_check_at", models.DateTimeField(null=True)),
                    ("claimed_until", models.DateTimeField(null=True)),
                    ("warnings", models.PositiveSmallIntegerField(default=0, help_text="Mails to the owners about the present failure.")),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(
                            condition=models.Q(("next_check_at__isnull", False)),
                            fields=["next_check_at"],
                            name="messaging_senderdomain_due",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="messaging_senderdomain_newest",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("status"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="messaging_senderdomain_status",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_senderdomain_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_senderdomain_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_senderdomain_tenant"),
                        models.UniqueConstraint(fields=("company", "mode", "domain"), name="messaging_senderdomain_domain"),
                        models.CheckConstraint(
                            condition=models.Q(("status__in", ["pending", "verified", "failed"])),
                            name="messaging_senderdomain_known_status",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("status", "verified"), _negated=True), ("verified_at__isnull", False), _connector="OR"
                            ),
                            name="messaging_senderdomain_verified",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="DkimKey",
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
                        "domain",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="keys", to="messaging.senderdomain"
                        ),
                    ),
                    ("selector", models.CharField(max_length=63)),
                    ("public_key", models.TextField(help_text="DER in Base64, as the DNS record has it (RFC 6376 §3.6.1).")),
                    ("private_key", models.TextField(help_text="Encrypted under FIELD_ENCRYPTION_KEYS.")),
                    ("verified", models.BooleanField(default=False, help_text="Whether its record was there at the last look.")),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_dkimkey_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_dkimkey_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_dkimkey_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="domain", name="messaging_dkimkey_domain_fk", to="messaging.SenderDomain", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "domain", "selector"), name="messaging_dkimkey_selector"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="SmsCountries",
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
                    ("countries", models.JSONField(default=list, help_text="ISO 3166-1 codes of two letters.")),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_smscountries_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_smscountries_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_smscountries_tenant"),
                        models.UniqueConstraint(fields=("company", "mode"), name="messaging_smscountries_one"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="SmsPrice",
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
                        "recipient",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="prices", to="messaging.recipient"
                        ),
                    ),
                    ("day", models.DateField()),
                    ("country", models.CharField(blank=True, help_text="ISO 3166-1 code of the number's country.", max_length=2)),
                    ("segments", models.PositiveSmallIntegerField()),
                    ("currency", models.CharField(max_length=3)),
                    ("held", models.DecimalField(decimal_places=6, max_digits=14)),
                    ("price", models.DecimalField(decimal_places=6, max_digits=14, null=True)),
                    (
                        "state",
                        models.CharField(
                            choices=[("held", "Held"), ("known", "Known"), ("unknown", "Unknown")], default="held", max_length=7
                        ),
                    ),
                    ("problem", models.CharField(blank=True, max_length=50)),
                    ("attempts", models.PositiveSmallIntegerField(default=0)),
                    ("ask_at", models.DateTimeField(null=True)),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "verbose_name": "SMS price",
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(condition=models.Q(("ask_at__isnull", False)), fields=["ask_at"], name="messaging_smsprice_due"),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("country"),
                            models.F("segments"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            condition=models.Q(("state", "known")),
                            name="messaging_smsprice_like",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_smsprice_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_smsprice_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_smsprice_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="recipient", name="messaging_smsprice_recipient_fk", to="messaging.Recipient", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "recipient"), name="messaging_smsprice_recipient"),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("ask_at__isnull", False), ("price__isnull", True), ("state", "held")),
                                models.Q(("ask_at__isnull", True), ("price__isnull", False), ("state", "known")),
                                models.Q(("ask_at__isnull", True), ("price__isnull", True), ("state", "unknown")),
                                _connector="OR",
                            ),
                            name="messaging_smsprice_state",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("held__gte", 0), models.Q(("price__isnull", True), ("price__gte", 0), _connector="OR")),
                            name="messaging_smsprice_amounts",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="SmsSender",
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
                    ("sender", models.CharField(help_text="A number in E.164, or 1 to 11 letters and digits.", max_length=16)),
                    ("sender_normalized", models.CharField(max_length=16)),
                    (
                        "status",
                        models.CharField(
                            choices=[("pending", "Pending"), ("approved", "Approved"), ("rejected", "Rejected")],
                            default="pending",
                            max_length=8,
                        ),
                    ),
                    ("reason", models.CharField(help_text="Why it is the company's to use.", max_length=500)),
                    ("decision", models.CharField(blank=True, help_text="What staff said to it.", max_length=500)),
                    ("decided_at", models.DateTimeField(null=True)),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "verbose_name": "SMS sender",
                    "verbose_name_plural": "SMS senders",
                    "permissions": [("approve_smssender", "Can approve SMS senders"), ("reject_smssender", "Can reject SMS senders")],
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="messaging_smssender_newest",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("status"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="messaging_smssender_status",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_smssender_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_smssender_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_smssender_tenant"),
                        models.UniqueConstraint(fields=("company", "mode", "sender_normalized"), name="messaging_smssender_sender"),
                        models.CheckConstraint(
                            condition=models.Q(("status__in", ["pending", "approved", "rejected"])), name="messaging_smssender_known_status"
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="SmsSpend",
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
                    ("day", models.DateField()),
                    ("currency", models.CharField(max_length=3)),
                    ("amount", models.DecimalField(decimal_places=6, default=0, max_digits=14)),
                    (
                        "notified_percent",
                        models.PositiveSmallIntegerField(
                            default=0, help_text="The share of the cap that owners were last notified of."
                        ),
                    ),
                    (
                        "notified_cap",
                        models.DecimalField(
                            decimal_places=6, default=0, help_text="The cap that this share was of.", max_digits=14
                        ),
                    ),
                ],
                options={
                    "verbose_name": "SMS spend",
                    "verbose_name_plural": "SMS spend",
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_smsspend_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_smsspend_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_smsspend_tenant"),
                        models.UniqueConstraint(fields=("company", "mode", "day", "currency"), name="messaging_smsspend_day"),
                        models.CheckConstraint(condition=models.Q(("amount__gte", 0)), name="messaging_smsspend_amount"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="SmsSpendCap",
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
                    ("amount", models.DecimalField(decimal_places=6, max_digits=14)),
                    ("currency", models.CharField(max_length=3)),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_smsspendcap_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_smsspendcap_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_smsspendcap_tenant"),
                        models.UniqueConstraint(fields=("company", "mode"), name="messaging_smsspendcap_one"),
                        models.CheckConstraint(condition=models.Q(("amount__gte", 0)), name="messaging_smsspendcap_amount"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Suppression",
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
                    ("channel", models.CharField(max_length=16)),
                    ("address", models.CharField(max_length=320)),
                    ("address_normalized", models.CharField(max_length=320)),
                    (
                        "origin",
                        models.CharField(
                            choices=[
                                ("bounce", "Bounce"),
                                ("complaint", "Complaint"),
                                ("manual", "Manual"),
                                ("unsubscribe", "Unsubscribe"),
                            ],
                            max_length=11,
                        ),
                    ),
                    ("topic", models.CharField(blank=True, db_default="", max_length=50)),
                    (
                        "message",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False,
                            null=True,
                            on_delete=django.db.models.deletion.SET_NULL,
                            related_name="+",
                            to="messaging.message",
                        ),
                    ),
                    ("note", models.CharField(blank=True, max_length=200)),
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
                            name="messaging_suppression_newest",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("origin"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="messaging_suppression_origin",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("topic"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="messaging_suppression_by_topic",
                        ),
                        models.Index(fields=["company", "mode", "message"], name="messaging_suppression_message"),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("address_normalized"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="messaging_suppression_found",
                        ),
                        models.Index(
                            fields=["address_normalized", "company", "mode"],
                            opclasses=["text_pattern_ops", "uuid_ops", "text_ops"],
                            name="messaging_suppression_lookup",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_suppression_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_suppression_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_suppression_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="message", name="messaging_suppression_message_fk", to="messaging.Message", with_mode=True
                        ),
                        models.UniqueConstraint(
                            fields=("company", "mode", "channel", "address_normalized", "topic"), name="messaging_suppression_address"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("origin__in", ["bounce", "complaint", "manual", "unsubscribe"])),
                            name="messaging_suppression_known_origin",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("origin", "unsubscribe"), models.Q(("topic", ""), _negated=True)),
                                models.Q(models.Q(("origin", "unsubscribe"), _negated=True), ("topic", "")),
                                _connector="OR",
                            ),
                            name="messaging_suppression_topic",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Template",
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
                    ("name", models.CharField(max_length=100)),
                    ("description", models.CharField(blank=True, max_length=500)),
                    ("channel", models.CharField(max_length=16)),
                    ("version", models.PositiveIntegerField(default=1)),
                    ("updated", models.DateTimeField(default=core.clock.now)),
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
                            name="messaging_template_newest",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("channel"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="messaging_template_channel",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_template_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_template_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_template_tenant"),
                        models.UniqueConstraint(fields=("company", "mode", "name"), name="messaging_template_name"),
                        models.CheckConstraint(condition=models.Q(("version__gte", 1)), name="messaging_template_version"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="TemplateVersion",
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
                        "template",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="messaging.template"
                        ),
                    ),
                    ("number", models.PositiveIntegerField()),
                    ("subject", models.CharField(blank=True, max_length=998)),
                    ("text", models.TextField(blank=True)),
                    ("html", models.TextField(blank=True)),
                    ("variables", models.JSONField(default=list)),
                    ("created_by", models.CharField(blank=True, max_length=64)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_templateversion_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_templateversion_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_templateversion_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="template", name="messaging_templateversion_template_fk", to="messaging.Template", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "template", "number"), name="messaging_templateversion_number"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="DailyShare",
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
                    ("channel", models.CharField(max_length=16)),
                    ("day", models.DateField()),
                    ("unused", models.PositiveIntegerField()),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [models.Index(fields=["company", "mode", "channel", "day"], name="messaging_dailyshare_day")],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_dailyshare_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_dailyshare_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_dailyshare_tenant"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="DailyUsage",
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
                    ("channel", models.CharField(max_length=16)),
                    ("day", models.DateField()),
                    ("recipients", models.PositiveIntegerField()),
                ],
                options={
                    "verbose_name": "daily usage",
                    "verbose_name_plural": "daily usage",
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="messaging_dailyusage_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="messaging_dailyusage_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="messaging_dailyusage_tenant"),
                        models.UniqueConstraint(fields=("company", "mode", "channel", "day"), name="messaging_dailyusage_day"),
                    ],
                },
            ),
        ),
    ]
