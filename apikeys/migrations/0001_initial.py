"""The tables of apikeys."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import apikeys.models
import core.clock
import core.postgres.constraints
import core.postgres.operations
import core.tenancy.models
import core.values.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        core.postgres.operations.CreateModels(
            migrations.CreateModel(
                name="LeakReport",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("received", models.DateTimeField(default=core.clock.now, editable=False)),
                    ("digest", models.BinaryField(help_text="Keyed: one row for one secret.", max_length=32, unique=True)),
                    ("secret", models.TextField(help_text="Encrypted under FIELD_ENCRYPTION_KEYS.")),
                    ("place", models.CharField(blank=True, max_length=300)),
                    ("ip", models.GenericIPAddressField()),
                    ("user_agent", models.CharField(blank=True, max_length=500)),
                    ("request_id", models.CharField(blank=True, max_length=40)),
                ],
                options={
                    "verbose_name": "report of a found secret",
                },
            ),
            migrations.CreateModel(
                name="ApiKey",
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
                    (
                        "api_version",
                        models.CharField(
                            db_default="2026-11-01",
                            default=apikeys.models.newest_version,
                            help_text="The date of the version of the API that its requests are of, unless they name another.",
                            max_length=10,
                        ),
                    ),
                    ("kind", models.CharField(choices=[("server", "Server"), ("browser", "Browser")], default="server", max_length=10)),
                    ("scopes", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None)),
                    (
                        "rate_limit",
                        models.PositiveIntegerField(
                            default=60, help_text="Requests per minute; the company's tier is the maximum when it is read."
                        ),
                    ),
                    (
                        "allowed_networks",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=50), blank=True, default=list, size=None
                        ),
                    ),
                    ("has_wide_networks", models.BooleanField(default=False, editable=False)),
                    (
                        "allowed_origins",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=300), blank=True, default=list, size=None
                        ),
                    ),
                    ("expires_at", models.DateTimeField(blank=True, null=True)),
                    (
                        "rotation_days",
                        models.PositiveSmallIntegerField(
                            blank=True, default=90, help_text="Remind to rotate after so many days.", null=True
                        ),
                    ),
                    ("created_by", models.CharField(max_length=64)),
                    ("created_by_name", models.CharField(max_length=200)),
                    ("updated", models.DateTimeField()),
                    ("rotated_at", models.DateTimeField(help_text="When the newest secret was made.")),
                    ("version", models.BigIntegerField(default=1, help_text="Raised by every change that a cached copy must notice.")),
                    ("changed_at", models.DateTimeField(help_text="When version was last raised.")),
                    ("revoked_at", models.DateTimeField(blank=True, null=True)),
                    ("revoked_by", models.CharField(blank=True, max_length=64)),
                    (
                        "revocation_reason",
                        models.CharField(
                            blank=True,
                            choices=[
                                ("user", "Revoked by the company"),
                                ("leak", "Leaked"),
                                ("staff", "Revoked by staff"),
                                ("operator", "Revoked by an operator's command"),
                                ("reported", "Reported as leaked"),
                            ],
                            max_length=10,
                        ),
                    ),
                    ("leaked_at", models.DateTimeField(blank=True, null=True)),
                    ("leak_detail", models.CharField(blank=True, max_length=500)),
                    ("last_used_at", models.DateTimeField(blank=True, null=True)),
                    ("last_used_ip", models.GenericIPAddressField(blank=True, null=True)),
                    (
                        "expiry_notice_days",
                        models.SmallIntegerField(
                            blank=True, help_text="The last notice that was sent: 7, 1 or 0 days before the end.", null=True
                        ),
                    ),
                    ("rotation_reminded_at", models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    "verbose_name": "API key",
                    "permissions": [("revoke_apikey", "Can revoke a company's API key")],
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="apikey_newest",
                        ),
                        models.Index(fields=["changed_at"], name="apikey_changed_at"),
                        models.Index(condition=models.Q(("revoked_at__isnull", True)), fields=["expires_at"], name="apikey_expires_at"),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="apikeys_apikey_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="apikeys_apikey_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="apikeys_apikey_tenant"),
                        models.CheckConstraint(condition=models.Q(("scopes", []), _negated=True), name="apikey_has_scopes"),
                        models.CheckConstraint(condition=models.Q(("rate_limit__gt", 0)), name="apikey_rate_limit_positive"),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("kind", "browser"), models.Q(("allowed_origins", []), _negated=True)),
                                models.Q(("allowed_origins", []), ("kind", "server")),
                                _connector="OR",
                            ),
                            name="apikey_only_browser_keys_name_origins",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("revocation_reason", ""), ("revoked_at__isnull", True)),
                                models.Q(("revoked_at__isnull", False), models.Q(("revocation_reason", ""), _negated=True)),
                                _connector="OR",
                            ),
                            name="apikey_revocation_is_complete",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="ApiKeyDeprecatedUse",
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
                        "key",
                        core.tenancy.models.TenantForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="deprecated_uses", to="apikeys.apikey"
                        ),
                    ),
                    ("what", models.CharField(max_length=200)),
                    ("last_used_at", models.DateTimeField()),
                ],
                options={
                    "verbose_name": "use of something deprecated",
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="apikeys_apikeydeprecateduse_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="apikeys_apikeydeprecateduse_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="apikeys_apikeydeprecateduse_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="key", name="apikeydeprecateduse_key", to="apikeys.ApiKey", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "key", "what"), name="apikeydeprecateduse_once"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="ApiKeyScopeUse",
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
                        "key",
                        core.tenancy.models.TenantForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="scope_uses", to="apikeys.apikey"
                        ),
                    ),
                    ("scope", models.CharField(max_length=40)),
                    ("last_used_at", models.DateTimeField()),
                ],
                options={
                    "verbose_name": "use of a scope",
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="apikeys_apikeyscopeuse_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="apikeys_apikeyscopeuse_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="apikeys_apikeyscopeuse_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="key", name="apikeyscopeuse_key", to="apikeys.ApiKey", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "key", "scope"), name="apikeyscopeuse_once"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="ApiKeySecret",
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
                        "key",
                        core.tenancy.models.TenantForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="secrets", to="apikeys.apikey"
                        ),
                    ),
                    ("locator", models.CharField(db_collation="C", max_length=8)),
                    ("tail", models.CharField(max_length=4)),
                    ("store", models.CharField(choices=[("database", "Database"), ("vault", "Vault")], default="database", max_length=10)),
                    ("encoded_hash", models.CharField(blank=True, max_length=200)),
                    ("fingerprint", models.CharField(blank=True, max_length=200)),
                    ("vault_path", models.CharField(blank=True, max_length=200)),
                    (
                        "proof",
                        models.CharField(
                            blank=True,
                            help_text="Hash parameters and pepper under which this secret has matched; empty until its first use.",
                            max_length=100,
                        ),
                    ),
                    ("activated_at", models.DateTimeField(blank=True, help_text="First use.", null=True)),
                    ("ends_at", models.DateTimeField(blank=True, help_text="End of a rotation's overlap.", null=True)),
                    ("revoked_at", models.DateTimeField(blank=True, null=True)),
                    ("last_used_at", models.DateTimeField(blank=True, null=True)),
                    ("last_used_ip", models.GenericIPAddressField(blank=True, null=True)),
                    ("last_used_agent", models.CharField(blank=True, max_length=300)),
                    ("reported_at", models.DateTimeField(blank=True, help_text="When somebody who has found it last told us.", null=True)),
                    ("reported_from", models.GenericIPAddressField(blank=True, null=True)),
                    ("reported_place", models.CharField(blank=True, help_text="Where, in the words of whoever found it.", max_length=300)),
                    ("reported_dead", models.BooleanField(default=False, help_text="The secret worked no more when that report came.")),
                    (
                        "report_overruled_at",
                        models.DateTimeField(
                            blank=True,
                            help_text="When an owner undid the revocation that a report had caused: later reports revoke nothing.",
                            null=True,
                        ),
                    ),
                ],
                options={
                    "verbose_name": "secret of an API key",
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="apikeys_apikeysecret_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="apikeys_apikeysecret_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="apikeys_apikeysecret_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="key", name="apikeysecret_key", to="apikeys.ApiKey", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("locator",), name="apikeysecret_locator"),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(
                                    ("store", "database"),
                                    ("vault_path", ""),
                                    models.Q(("encoded_hash", ""), _negated=True),
                                    models.Q(("fingerprint", ""), _negated=True),
                                ),
                                models.Q(
                                    ("encoded_hash", ""),
                                    ("fingerprint", ""),
                                    ("store", "vault"),
                                    models.Q(("vault_path", ""), _negated=True),
                                ),
                                _connector="OR",
                            ),
                            name="apikeysecret_verifier_is_in_its_store",
                        ),
                    ],
                },
            ),
        ),
    ]
