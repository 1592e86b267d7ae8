"""The tables of accounts."""

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

import accounts.models
import core.clock
import core.postgres.constraints
import core.postgres.operations
import core.tenancy.models
import core.values.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        core.postgres.operations.CreateModels(
            migrations.CreateModel(
                name="User",
                fields=[
                    ("password", models.CharField(max_length=128, verbose_name="password")),
                    ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                    (
                        "is_superuser",
                        models.BooleanField(
                            default=False,
                            help_text="Designates that this user has all permissions without explicitly assigning them.",
                            verbose_name="superuser status",
                        ),
                    ),
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("email", models.EmailField(max_length=254, unique=True)),
                    ("name", models.CharField(blank=True, max_length=150)),
                    ("is_staff", models.BooleanField(default=False, verbose_name="staff")),
                    ("is_active", models.BooleanField(default=True, verbose_name="active")),
                    ("created", models.DateTimeField(default=core.clock.now, editable=False)),
                    (
                        "groups",
                        models.ManyToManyField(
                            blank=True,
                            help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                            related_name="user_set",
                            related_query_name="user",
                            to="auth.group",
                            verbose_name="groups",
                        ),
                    ),
                    (
                        "user_permissions",
                        models.ManyToManyField(
                            blank=True,
                            help_text="Specific permissions for this user.",
                            related_name="user_set",
                            related_query_name="user",
                            to="auth.permission",
                            verbose_name="user permissions",
                        ),
                    ),
                ],
                options={
                    "constraints": [
                        models.CheckConstraint(
                            condition=models.Q(("email", django.db.models.functions.text.Lower("email"))), name="accounts_user_email_lower"
                        )
                    ],
                },
            ),
            migrations.CreateModel(
                name="Company",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    ("name", models.CharField(max_length=100)),
                    ("slug", models.SlugField(max_length=60, unique=True)),
                    (
                        "tier",
                        models.CharField(
                            choices=[("starter", "Starter"), ("pro", "Pro"), ("enterprise", "Enterprise")], default="starter", max_length=20
                        ),
                    ),
                    ("limit_overrides", models.JSONField(blank=True, default=dict)),
                    ("version", models.BigIntegerField(default=1, editable=False)),
                    ("suspended_at", models.DateTimeField(blank=True, null=True)),
                    ("suspended_reason", models.CharField(blank=True, max_length=500)),
                    (
                        "revoke_reported_keys",
                        models.BooleanField(
                            default=True, help_text="Revoke a server key at once when somebody who found its secret reports it."
                        ),
                    ),
                    (
                        "second_factor_required_from",
                        models.DateTimeField(
                            blank=True, help_text="Members without a second factor are sent to set one up from then on.", null=True
                        ),
                    ),
                    (
                        "key_longest_days",
                        models.PositiveSmallIntegerField(
                            blank=True, help_text="A key ends at most so many days after its secret was made.", null=True
                        ),
                    ),
                    (
                        "keys_need_networks",
                        models.BooleanField(default=False, help_text="A server key names the addresses it is used from."),
                    ),
                    (
                        "keys_need_second_factor",
                        models.BooleanField(default=False, help_text="Only who has a second factor makes or changes keys."),
                    ),
                    ("keys_refuse_full_access", models.BooleanField(default=False, help_text="No key has every scope there is.")),
                    ("test_bodies_from", models.DateTimeField(blank=True, default=core.clock.now, editable=False, null=True)),
                    ("test_bodies_until", models.DateTimeField(blank=True, editable=False, null=True)),
                    ("live_bodies_from", models.DateTimeField(blank=True, editable=False, null=True)),
                    ("live_bodies_until", models.DateTimeField(blank=True, editable=False, null=True)),
                    ("created", models.DateTimeField(default=core.clock.now, editable=False)),
                    (
                        "created_from",
                        models.CharField(
                            blank=True, editable=False, help_text="The address it was created from, of IPv6 its /64.", max_length=50
                        ),
                    ),
                ],
                options={
                    "verbose_name_plural": "companies",
                    "permissions": [("suspend_company", "Can suspend a company"), ("resume_company", "Can resume a company")],
                    "indexes": [
                        models.Index(
                            condition=models.Q(("created_from", ""), _negated=True),
                            fields=["created_from", "id"],
                            name="accounts_company_from",
                        )
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(company_column="id", mode_column=None, name="accounts_company_rls"),
                        models.CheckConstraint(
                            condition=models.Q(("tier__in", ["starter", "pro", "enterprise"])), name="accounts_company_tier"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("key_longest_days", None), ("key_longest_days__range", (1, 3650)), _connector="OR"),
                            name="accounts_company_key_days",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("live_bodies_from", None), ("live_bodies_until", None)),
                                models.Q(
                                    ("live_bodies_from__isnull", False),
                                    ("live_bodies_from__lte", models.F("live_bodies_until")),
                                    ("live_bodies_until__isnull", False),
                                ),
                                _connector="OR",
                            ),
                            name="accounts_company_live_bodies",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("test_bodies_until", None),
                                models.Q(
                                    ("test_bodies_from__isnull", False), ("test_bodies_from__lte", models.F("test_bodies_until"))
                                ),
                                _connector="OR",
                            ),
                            name="accounts_company_test_bodies",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Invitation",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    (
                        "company",
                        models.ForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.company"
                        ),
                    ),
                    ("created", models.DateTimeField(default=core.clock.now, editable=False)),
                    ("email", models.EmailField(max_length=254)),
                    (
                        "role",
                        models.CharField(
                            choices=[("owner", "Owner"), ("admin", "Admin"), ("developer", "Developer"), ("viewer", "Viewer")],
                            max_length=20,
                        ),
                    ),
                    ("token_hash", models.BinaryField(max_length=32)),
                    (
                        "invited_by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                    (
                        "invited_from",
                        models.CharField(blank=True, help_text="The address it was sent from, of IPv6 its /64.", max_length=50),
                    ),
                    ("expires", models.DateTimeField(default=accounts.models._invitation_expiry)),
                    ("accepted_at", models.DateTimeField(null=True)),
                    ("revoked_at", models.DateTimeField(null=True)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(fields=["token_hash"], name="accounts_invitation_token"),
                        models.Index(fields=["email", "id"], name="accounts_invitation_email"),
                        models.Index(fields=["invited_from", "id"], name="accounts_invitation_from"),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column=None, name="accounts_invitation_rls"
                        ),
                        models.UniqueConstraint(fields=("company", "id"), name="accounts_invitation_tenant"),
                        models.UniqueConstraint(
                            condition=models.Q(("accepted_at__isnull", True), ("revoked_at__isnull", True)),
                            fields=("company", "email"),
                            name="accounts_invitation_open",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("role__in", ["owner", "admin", "developer", "viewer"])), name="accounts_invitation_role"
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Membership",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    (
                        "company",
                        models.ForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.company"
                        ),
                    ),
                    ("created", models.DateTimeField(default=core.clock.now, editable=False)),
                    ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
                    (
                        "role",
                        models.CharField(
                            choices=[("owner", "Owner"), ("admin", "Admin"), ("developer", "Developer"), ("viewer", "Viewer")],
                            max_length=20,
                        ),
                    ),
                    (
                        "first_steps",
                        models.CharField(
                            choices=[("open", "Open"), ("collapsed", "Collapsed"), ("dismissed", "Dismissed")], default="open", max_length=9
                        ),
                    ),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column=None, name="accounts_membership_rls"
                        ),
                        models.UniqueConstraint(fields=("company", "id"), name="accounts_membership_tenant"),
                        models.UniqueConstraint(fields=("company", "user"), name="accounts_membership_once"),
                        models.CheckConstraint(
                            condition=models.Q(("role__in", ["owner", "admin", "developer", "viewer"])), name="accounts_membership_role"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("first_steps__in", ["open", "collapsed", "dismissed"])),
                            name="accounts_membership_first_steps",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="SavedFilter",
                fields=[
                    ("id", models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                    (
                        "company",
                        models.ForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.company"
                        ),
                    ),
                    ("created", models.DateTimeField(default=core.clock.now, editable=False)),
                    (
                        "member",
                        core.tenancy.models.TenantForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.membership"
                        ),
                    ),
                    ("page", models.CharField(help_text="The path of the list.", max_length=100)),
                    ("query", models.CharField(help_text="What its address says after the question mark.", max_length=1000)),
                    ("name", models.CharField(max_length=60)),
                    ("removed_at", models.DateTimeField(null=True)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column=None, name="accounts_savedfilter_rls"
                        ),
                        models.UniqueConstraint(fields=("company", "id"), name="accounts_savedfilter_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="member", name="accounts_savedfilter_member", to="accounts.Membership", with_mode=False
                        ),
                        models.UniqueConstraint(
                            condition=models.Q(("removed_at__isnull", True)),
                            fields=("company", "member", "page", "name"),
                            name="accounts_savedfilter_name",
                        ),
                    ],
                },
            ),
        ),
    ]
