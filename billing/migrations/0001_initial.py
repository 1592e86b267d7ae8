"""The tables of billing."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.math
from django.conf import settings
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
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        core.postgres.operations.CreateModels(
            migrations.CreateModel(
                name="CompanyPlan",
                fields=[],
                options={
                    "verbose_name": "plan",
                    "permissions": [
                        ("change_tier", "Can put a company on another tier"),
                        ("override_limits", "Can override a company's limits"),
                    ],
                    "proxy": True,
                    "indexes": [],
                    "constraints": [],
                },
                bases=("accounts.company",),
            ),
            migrations.CreateModel(
                name="Customer",
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
                    ("name", models.CharField(max_length=200)),
                    ("email", models.EmailField(blank=True, max_length=254)),
                    ("email_normalized", models.CharField(blank=True, editable=False, max_length=254)),
                    ("phone", models.CharField(blank=True, max_length=32)),
                    ("address", models.JSONField(null=True)),
                    ("tax_ids", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
                    (
                        "tax_exempt",
                        models.CharField(
                            choices=[("none", "Taxed"), ("exempt", "Exempt"), ("reverse", "Reverse charge")],
                            db_default="none",
                            default="none",
                            max_length=8,
                        ),
                    ),
                    (
                        "preferred_language",
                        models.CharField(
                            blank=True,
                            choices=[
                                ("en", "English"),
                                ("de", "Deutsch"),
                                ("es", "Español"),
                                ("fr", "Français"),
                                ("it", "Italiano"),
                                ("nl", "Nederlands"),
                            ],
                            db_default="",
                            max_length=8,
                        ),
                    ),
                    ("external_id", models.CharField(max_length=100, null=True)),
                    ("metadata", models.JSONField(default=dict)),
                    ("updated", models.DateTimeField(default=core.clock.now)),
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
                            name="billing_customer_present",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("email_normalized"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_customer_email",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("name"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            condition=models.Q(("deleted_at__isnull", True)),
                            name="billing_customer_by_name",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_customer_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_customer_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_customer_tenant"),
                        models.UniqueConstraint(
                            condition=models.Q(("deleted_at__isnull", True)),
                            fields=("company", "mode", "external_id"),
                            name="billing_customer_external_id",
                        ),
                        models.CheckConstraint(condition=models.Q(("name", ""), _negated=True), name="billing_customer_named"),
                        models.CheckConstraint(
                            condition=models.Q(("tax_exempt__in", ["none", "exempt", "reverse"])), name="billing_customer_tax_exempt"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("external_id", ""), _negated=True), name="billing_customer_external_id_set"
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="CustomerMetadata",
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
                        "customer",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="billing.customer"
                        ),
                    ),
                    ("key", models.CharField(max_length=40)),
                    ("value", models.CharField(max_length=500)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [models.Index(fields=["company", "mode", "key", "value", "customer"], name="billing_customermetadata_find")],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_customermetadata_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_customermetadata_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_customermetadata_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="customer", name="billing_customermetadata_customer", to="billing.Customer", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "customer", "key"), name="billing_customermetadata_once"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="CustomerSearchWord",
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
                        "customer",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="billing.customer"
                        ),
                    ),
                    ("word", models.CharField(db_collation="C", max_length=64)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [models.Index(fields=["company", "mode", "word", "customer"], name="billing_customersearch_find")],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_customersearchword_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_customersearchword_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_customersearchword_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="customer", name="billing_customersearchword_customer", to="billing.Customer", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "customer", "word"), name="billing_customersearchword_once"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Invoice",
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
                        "customer",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="billing.customer"
                        ),
                    ),
                    (
                        "status",
                        models.CharField(
                            choices=[
                                ("draft", "Draft"),
                                ("open", "Open"),
                                ("paid", "Paid"),
                                ("void", "Void"),
                                ("uncollectible", "Uncollectible"),
                            ],
                            default="draft",
                            max_length=16,
                        ),
                    ),
                    ("sequence", models.BigIntegerField(null=True)),
                    ("number", models.CharField(max_length=32, null=True)),
                    ("currency", models.CharField(max_length=3)),
                    ("due_date", models.DateField(null=True)),
                    ("external_id", models.CharField(max_length=100, null=True)),
                    ("metadata", models.JSONField(default=dict)),
                    ("seller", models.JSONField(null=True)),
                    ("billed_to", models.JSONField(null=True)),
                    ("warnings", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
                    ("purchase_order", models.CharField(blank=True, db_default="", max_length=100)),
                    ("memo", models.CharField(blank=True, db_default="", max_length=1000)),
                    ("service_start", models.DateField(null=True)),
                    ("service_end", models.DateField(null=True)),
                    (
                        "tax_exempt",
                        models.CharField(
                            choices=[("none", "Taxed"), ("exempt", "Exempt"), ("reverse", "Reverse charge")],
                            db_default="none",
                            default="none",
                            max_length=8,
                        ),
                    ),
                    ("tax_note", models.CharField(blank=True, db_default="", max_length=300)),
                    ("prices_include_tax", models.BooleanField(db_default=False, default=False)),
                    ("tax_per_rate", models.BooleanField(db_default=False, default=True, editable=False)),
                    ("discount_bps", models.IntegerField(null=True)),
                    ("discount_amount", models.BigIntegerField(db_default=0, default=0)),
                    ("subtotal", models.BigIntegerField(default=0)),
                    ("tax", models.BigIntegerField(default=0)),
                    ("total", models.BigIntegerField(default=0)),
                    ("amount_paid", models.BigIntegerField(default=0)),
                    ("amount_pending", models.BigIntegerField(default=0)),
                    ("amount_refunded", models.BigIntegerField(db_default=0, default=0, editable=False)),
                    ("pre_payment_credit", models.BigIntegerField(db_default=0, default=0)),
                    ("post_payment_credit", models.BigIntegerField(db_default=0, default=0)),
                    ("finalized_at", models.DateTimeField(null=True)),
                    ("paid_at", models.DateTimeField(null=True)),
                    ("voided_at", models.DateTimeField(null=True)),
                    ("marked_uncollectible_at", models.DateTimeField(null=True)),
                    ("overdue_at", models.DateTimeField(null=True)),
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
                            name="billing_invoice_newest",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("status"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_invoice_by_status",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("customer"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_invoice_by_customer",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("due_date"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_invoice_due",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("currency"),
                            models.F("total"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_invoice_by_total",
                        ),
                        models.Index(
                            condition=models.Q(("overdue_at__isnull", True), ("status", "open")),
                            fields=["due_date"],
                            name="billing_invoice_overdue",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_invoice_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_invoice_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_invoice_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="customer", name="billing_invoice_customer", to="billing.Customer", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "external_id"), name="billing_invoice_external_id"),
                        models.UniqueConstraint(fields=("company", "mode", "sequence"), name="billing_invoice_sequence"),
                        models.UniqueConstraint(fields=("company", "mode", "number"), name="billing_invoice_number"),
                        models.CheckConstraint(
                            condition=models.Q(("status__in", ["draft", "open", "paid", "void", "uncollectible"])),
                            name="billing_invoice_status",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("total", django.db.models.expressions.CombinedExpression(models.F("subtotal"), "+", models.F("tax"))),
                                ("subtotal__gte", 0),
                                ("tax__gte", 0),
                                ("total__lte", 999999999999),
                            ),
                            name="billing_invoice_amounts",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("discount_amount__gte", 0),
                                models.Q(("discount_bps__isnull", True), ("discount_bps__range", (0, 10000)), _connector="OR"),
                                ("tax_exempt__in", ["none", "exempt", "reverse"]),
                            ),
                            name="billing_invoice_discount",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("service_end__isnull", True), ("service_start__isnull", True)),
                                ("service_start__lte", models.F("service_end")),
                                _connector="OR",
                            ),
                            name="billing_invoice_service_period",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("amount_paid__gte", 0),
                                ("amount_pending__gte", 0),
                                ("pre_payment_credit__gte", 0),
                                (
                                    "total__gte",
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("amount_paid"), "+", models.F("amount_pending")
                                        ),
                                        "+",
                                        models.F("pre_payment_credit"),
                                    ),
                                ),
                            ),
                            name="billing_invoice_never_overpaid",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("amount_refunded__gte", 0),
                                ("post_payment_credit__gte", 0),
                                ("amount_paid__gte", models.F("amount_refunded")),
                                ("amount_paid__gte", models.F("post_payment_credit")),
                            ),
                            name="billing_invoice_given_back",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(
                                    ("amount_paid", 0),
                                    ("amount_pending", 0),
                                    ("finalized_at__isnull", True),
                                    ("number__isnull", True),
                                    ("pre_payment_credit", 0),
                                    ("sequence__isnull", True),
                                    ("status", "draft"),
                                ),
                                models.Q(
                                    models.Q(("status", "draft"), _negated=True),
                                    ("finalized_at__isnull", False),
                                    ("number__isnull", False),
                                    ("sequence__isnull", False),
                                ),
                                _connector="OR",
                            ),
                            name="billing_invoice_draft_or_numbered",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(
                                    ("paid_at__isnull", False),
                                    ("status", "paid"),
                                    (
                                        "total",
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("amount_paid"), "+", models.F("pre_payment_credit")
                                        ),
                                    ),
                                ),
                                models.Q(models.Q(("status", "paid"), _negated=True), ("paid_at__isnull", True)),
                                _connector="OR",
                            ),
                            name="billing_invoice_paid_in_full",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(
                                    ("amount_paid", 0),
                                    ("amount_pending", 0),
                                    ("pre_payment_credit", 0),
                                    ("status", "void"),
                                    ("voided_at__isnull", False),
                                ),
                                models.Q(models.Q(("status", "void"), _negated=True), ("voided_at__isnull", True)),
                                _connector="OR",
                            ),
                            name="billing_invoice_void_unpaid",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("amount_pending", 0), ("marked_uncollectible_at__isnull", False), ("status", "uncollectible")),
                                models.Q(models.Q(("status", "uncollectible"), _negated=True), ("marked_uncollectible_at__isnull", True)),
                                _connector="OR",
                            ),
                            name="billing_invoice_uncollectible",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Charge",
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
                    ("amount", models.BigIntegerField()),
                    (
                        "status",
                        models.CharField(
                            choices=[("pending", "Pending"), ("succeeded", "Succeeded"), ("failed", "Failed")],
                            default="pending",
                            max_length=16,
                        ),
                    ),
                    ("failure_code", models.CharField(blank=True, max_length=64)),
                    ("failure_message", models.CharField(blank=True, max_length=300)),
                    ("gateway", models.CharField(max_length=32)),
                    ("gateway_reference", models.CharField(blank=True, max_length=255)),
                    ("attempts", models.PositiveSmallIntegerField(default=0)),
                    ("due_at", models.DateTimeField(default=core.clock.now, null=True)),
                    ("settled_at", models.DateTimeField(null=True)),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                    (
                        "customer",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="billing.customer"
                        ),
                    ),
                    (
                        "invoice",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False,
                            null=True,
                            on_delete=django.db.models.deletion.PROTECT,
                            related_name="charges",
                            to="billing.invoice",
                        ),
                    ),
                    ("currency", models.CharField(max_length=3)),
                    ("payment_method", models.CharField(max_length=64)),
                    ("metadata", models.JSONField(default=dict)),
                    ("amount_refunded", models.BigIntegerField(default=0)),
                    ("amount_refund_pending", models.BigIntegerField(default=0)),
                    ("checkout_expires_at", models.DateTimeField(null=True)),
                    ("checkout_session", models.CharField(blank=True, db_default="", max_length=255)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(condition=models.Q(("status", "pending")), fields=["due_at"], name="billing_charge_due"),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_charge_newest",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("invoice"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_charge_by_invoice",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("customer"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_charge_by_customer",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("status"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_charge_by_status",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("currency"),
                            models.F("amount"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_charge_by_amount",
                        ),
                        models.Index(
                            condition=models.Q(("gateway_reference", ""), _negated=True),
                            fields=["gateway_reference"],
                            name="billing_charge_by_reference",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_charge_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_charge_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_charge_tenant"),
                        models.CheckConstraint(
                            condition=models.Q(("status__in", ["pending", "succeeded", "failed"])), name="billing_charge_status"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("amount__gte", 1), ("amount__lte", 999999999999)), name="billing_charge_amount"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("due_at__isnull", False), ("settled_at__isnull", True), ("status", "pending")),
                                models.Q(
                                    models.Q(("status", "pending"), _negated=True), ("due_at__isnull", True), ("settled_at__isnull", False)
                                ),
                                _connector="OR",
                            ),
                            name="billing_charge_settled",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("status", "failed"), models.Q(("failure_code", ""), _negated=True)),
                                models.Q(models.Q(("status", "failed"), _negated=True), ("failure_code", ""), ("failure_message", "")),
                                _connector="OR",
                            ),
                            name="billing_charge_failure",
                        ),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="customer", name="billing_charge_customer", to="billing.Customer", with_mode=True
                        ),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="invoice", name="billing_charge_invoice", to="billing.Invoice", with_mode=True
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("amount_refund_pending__gte", 0),
                                ("amount_refunded__gte", 0),
                                (
                                    "amount__gte",
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("amount_refunded"), "+", models.F("amount_refund_pending")
                                    ),
                                ),
                            ),
                            name="billing_charge_never_overrefunded",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("status", "succeeded"), models.Q(("amount_refund_pending", 0), ("amount_refunded", 0)), _connector="OR"
                            ),
                            name="billing_charge_refunds_need_success",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("checkout_expires_at__isnull", True), ("checkout_session", "")),
                                models.Q(("checkout_expires_at__isnull", False), ("invoice__isnull", False)),
                                _connector="OR",
                            ),
                            name="billing_charge_checkout",
                        ),
                        models.UniqueConstraint(
                            condition=models.Q(("checkout_expires_at__isnull", False), ("status", "pending")),
                            fields=("company", "mode", "invoice"),
                            name="billing_charge_one_checkout",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Dispute",
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
                        "charge",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="disputes", to="billing.charge"
                        ),
                    ),
                    ("gateway_reference", models.CharField(max_length=255)),
                    ("amount", models.BigIntegerField()),
                    ("currency", models.CharField(max_length=3)),
                    ("reason", models.CharField(max_length=64)),
                    (
                        "status",
                        models.CharField(
                            choices=[
                                ("needs_response", "Needs an answer"),
                                ("under_review", "Under review"),
                                ("won", "Won"),
                                ("lost", "Lost"),
                                ("closed", "Closed"),
                            ],
                            max_length=16,
                        ),
                    ),
                    ("response_due_at", models.DateTimeField(null=True)),
                    ("reported_at", models.DateTimeField()),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_dispute_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_dispute_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_dispute_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="charge", name="billing_dispute_charge", to="billing.Charge", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "charge", "gateway_reference"), name="billing_dispute_once"),
                        models.CheckConstraint(
                            condition=models.Q(("status__in", ["needs_response", "under_review", "won", "lost", "closed"])),
                            name="billing_dispute_status",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("amount__gte", 0), ("amount__lte", 999999999999)), name="billing_dispute_amount"
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="InvoiceCounter",
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
                    ("last_number", models.BigIntegerField(default=0)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_invoicecounter_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_invoicecounter_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_invoicecounter_tenant"),
                        models.UniqueConstraint(fields=("company", "mode"), name="billing_invoicecounter_once"),
                        models.CheckConstraint(condition=models.Q(("last_number__gte", 0)), name="billing_invoicecounter_positive"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="InvoiceLine",
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
                        "invoice",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="billing.invoice"
                        ),
                    ),
                    ("position", models.PositiveSmallIntegerField()),
                    ("description", models.CharField(max_length=500)),
                    ("quantity", models.DecimalField(decimal_places=6, max_digits=13)),
                    ("unit_amount", models.BigIntegerField()),
                    ("tax_rate_bps", models.IntegerField(default=0)),
                    ("discount_bps", models.IntegerField(null=True)),
                    ("discount_amount", models.BigIntegerField(default=0)),
                    ("amount", models.BigIntegerField()),
                    ("discount_share", models.BigIntegerField(db_default=0, default=0)),
                    ("tax", models.BigIntegerField()),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_invoiceline_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_invoiceline_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_invoiceline_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="invoice", name="billing_invoiceline_invoice", to="billing.Invoice", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "invoice", "position"), name="billing_invoiceline_position"),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("quantity__gt", 0),
                                ("quantity__lte", 1000000),
                                ("unit_amount__gte", 0),
                                ("unit_amount__lte", 999999999999),
                                ("tax_rate_bps__gte", 0),
                                ("tax_rate_bps__lte", 10000),
                                ("amount__gte", 0),
                                ("amount__lte", 999999999999),
                                ("discount_amount__gte", 0),
                                ("discount_share__gte", 0),
                                ("discount_share__lte", models.F("amount")),
                                ("tax__gte", 0),
                                models.Q(("discount_bps__isnull", True), ("discount_bps__range", (0, 10000)), _connector="OR"),
                            ),
                            name="billing_invoiceline_ranges",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                (
                                    "amount",
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.functions.comparison.Cast(
                                            django.db.models.functions.math.Round(
                                                models.ExpressionWrapper(
                                                    django.db.models.expressions.CombinedExpression(
                                                        models.F("quantity"), "*", models.F("unit_amount")
                                                    ),
                                                    output_field=models.DecimalField(decimal_places=6, max_digits=40),
                                                )
                                            ),
                                            models.BigIntegerField(),
                                        ),
                                        "-",
                                        models.F("discount_amount"),
                                    ),
                                )
                            ),
                            name="billing_invoiceline_amount",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="InvoiceLink",
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
                        "invoice",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="links", to="billing.invoice"
                        ),
                    ),
                    ("token_hash", models.CharField(max_length=64)),
                    ("revoked_at", models.DateTimeField(null=True)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("invoice"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_invoicelink_by_invoice",
                        )
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_invoicelink_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_invoicelink_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_invoicelink_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="invoice", name="billing_invoicelink_invoice", to="billing.Invoice", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("token_hash",), name="billing_invoicelink_token"),
                        models.CheckConstraint(
                            condition=models.Q(("token_hash__regex", "^[0-9a-f]{64}$")), name="billing_invoicelink_hash"
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="OffPlatformPayment",
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
                        "invoice",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="payments", to="billing.invoice"
                        ),
                    ),
                    (
                        "method",
                        models.CharField(choices=[("bank_transfer", "Bank transfer"), ("cash", "Cash"), ("other", "Other")], max_length=16),
                    ),
                    ("amount", models.BigIntegerField()),
                    ("paid_at", models.DateTimeField()),
                    ("reference", models.CharField(blank=True, max_length=140)),
                    ("metadata", models.JSONField(default=dict)),
                    ("undone_at", models.DateTimeField(null=True)),
                    ("undo_reason", models.CharField(blank=True, max_length=300)),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "verbose_name": "off-platform payment",
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_offplatform_newest",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("invoice"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_offplatform_by_invoice",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_offplatformpayment_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_offplatformpayment_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_offplatformpayment_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="invoice", name="billing_offplatformpayment_invoice", to="billing.Invoice", with_mode=True
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("method__in", ["bank_transfer", "cash", "other"])), name="billing_offplatformpayment_method"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("amount__gte", 1), ("amount__lte", 999999999999)), name="billing_offplatformpayment_amount"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("undo_reason", ""), ("undone_at__isnull", True)),
                                models.Q(("undone_at__isnull", False), models.Q(("undo_reason", ""), _negated=True)),
                                _connector="OR",
                            ),
                            name="billing_offplatformpayment_undone",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Refund",
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
                    ("amount", models.BigIntegerField()),
                    (
                        "status",
                        models.CharField(
                            choices=[("pending", "Pending"), ("succeeded", "Succeeded"), ("failed", "Failed")],
                            default="pending",
                            max_length=16,
                        ),
                    ),
                    ("failure_code", models.CharField(blank=True, max_length=64)),
                    ("failure_message", models.CharField(blank=True, max_length=300)),
                    ("gateway", models.CharField(max_length=32)),
                    ("gateway_reference", models.CharField(blank=True, max_length=255)),
                    ("attempts", models.PositiveSmallIntegerField(default=0)),
                    ("due_at", models.DateTimeField(default=core.clock.now, null=True)),
                    ("settled_at", models.DateTimeField(null=True)),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                    (
                        "charge",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="refunds", to="billing.charge"
                        ),
                    ),
                    (
                        "reason",
                        models.CharField(
                            blank=True,
                            choices=[
                                ("duplicate", "Duplicate"),
                                ("fraudulent", "Fraudulent"),
                                ("requested_by_customer", "Requested by the customer"),
                                ("other", "Other"),
                            ],
                            db_default="",
                            max_length=32,
                        ),
                    ),
                    ("metadata", models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [
                        models.Index(condition=models.Q(("status", "pending")), fields=["due_at"], name="billing_refund_due"),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_refund_newest",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("charge"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_refund_by_charge",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("status"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_refund_by_status",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_refund_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_refund_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_refund_tenant"),
                        models.CheckConstraint(
                            condition=models.Q(("status__in", ["pending", "succeeded", "failed"])), name="billing_refund_status"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("amount__gte", 1), ("amount__lte", 999999999999)), name="billing_refund_amount"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("due_at__isnull", False), ("settled_at__isnull", True), ("status", "pending")),
                                models.Q(
                                    models.Q(("status", "pending"), _negated=True), ("due_at__isnull", True), ("settled_at__isnull", False)
                                ),
                                _connector="OR",
                            ),
                            name="billing_refund_settled",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("status", "failed"), models.Q(("failure_code", ""), _negated=True)),
                                models.Q(models.Q(("status", "failed"), _negated=True), ("failure_code", ""), ("failure_message", "")),
                                _connector="OR",
                            ),
                            name="billing_refund_failure",
                        ),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="charge", name="billing_refund_charge", to="billing.Charge", with_mode=True
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("reason__in", ["", "duplicate", "fraudulent", "requested_by_customer", "other"])),
                            name="billing_refund_reason",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="CreditNote",
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
                        "invoice",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="credit_notes", to="billing.invoice"
                        ),
                    ),
                    (
                        "refund",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False,
                            null=True,
                            on_delete=django.db.models.deletion.PROTECT,
                            related_name="credit_notes",
                            to="billing.refund",
                        ),
                    ),
                    ("status", models.CharField(choices=[("issued", "Issued"), ("void", "Void")], default="issued", max_length=8)),
                    ("sequence", models.BigIntegerField()),
                    ("number", models.CharField(max_length=40)),
                    (
                        "reason",
                        models.CharField(
                            blank=True,
                            choices=[
                                ("duplicate", "Duplicate"),
                                ("fraudulent", "Fraudulent"),
                                ("order_change", "The order was changed"),
                                ("product_unsatisfactory", "Something was not as it should be"),
                                ("other", "Other"),
                            ],
                            max_length=32,
                        ),
                    ),
                    ("memo", models.CharField(blank=True, max_length=1000)),
                    ("metadata", models.JSONField(default=dict)),
                    ("seller", models.JSONField()),
                    ("billed_to", models.JSONField()),
                    ("warnings", models.JSONField(db_default=models.Value([], models.JSONField()), default=list)),
                    ("subtotal", models.BigIntegerField()),
                    ("tax", models.BigIntegerField()),
                    ("total", models.BigIntegerField()),
                    ("pre_payment_amount", models.BigIntegerField()),
                    ("post_payment_amount", models.BigIntegerField()),
                    ("voided_at", models.DateTimeField(null=True)),
                    ("void_reason", models.CharField(blank=True, max_length=300)),
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
                            name="billing_creditnote_newest",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("invoice"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_creditnote_by_invoice",
                        ),
                        models.Index(
                            models.F("company"),
                            models.F("mode"),
                            models.F("status"),
                            models.OrderBy(models.F("id"), descending=True, nulls_last=True),
                            name="billing_creditnote_by_status",
                        ),
                    ],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_creditnote_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_creditnote_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_creditnote_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="invoice", name="billing_creditnote_invoice", to="billing.Invoice", with_mode=True
                        ),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="refund", name="billing_creditnote_refund", to="billing.Refund", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode", "sequence"), name="billing_creditnote_sequence"),
                        models.UniqueConstraint(fields=("company", "mode", "number"), name="billing_creditnote_number"),
                        models.UniqueConstraint(fields=("company", "mode", "refund"), name="billing_creditnote_of_refund"),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("reason__in", ["", "duplicate", "fraudulent", "order_change", "product_unsatisfactory", "other"])
                            ),
                            name="billing_creditnote_reason",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("total", django.db.models.expressions.CombinedExpression(models.F("subtotal"), "+", models.F("tax"))),
                                (
                                    "total",
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("pre_payment_amount"), "+", models.F("post_payment_amount")
                                    ),
                                ),
                                ("post_payment_amount__gte", 0),
                                ("pre_payment_amount__gte", 0),
                                ("subtotal__gte", 0),
                                ("tax__gte", 0),
                                ("total__gte", 1),
                                ("total__lte", 999999999999),
                            ),
                            name="billing_creditnote_amounts",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("status", "issued"), ("void_reason", ""), ("voided_at__isnull", True)),
                                models.Q(("status", "void"), ("voided_at__isnull", False)),
                                _connector="OR",
                            ),
                            name="billing_creditnote_void",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="CreditNoteLine",
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
                        "credit_note",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="billing.creditnote"
                        ),
                    ),
                    (
                        "invoice_line",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="credits", to="billing.invoiceline"
                        ),
                    ),
                    ("position", models.PositiveSmallIntegerField()),
                    ("quantity", models.DecimalField(decimal_places=6, max_digits=13, null=True)),
                    ("amount", models.BigIntegerField()),
                    ("tax", models.BigIntegerField()),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "indexes": [models.Index(fields=["company", "mode", "invoice_line"], name="billing_creditnoteline_of_line")],
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_creditnoteline_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_creditnoteline_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_creditnoteline_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="credit_note", name="billing_creditnoteline_note", to="billing.CreditNote", with_mode=True
                        ),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="invoice_line", name="billing_creditnoteline_line", to="billing.InvoiceLine", with_mode=True
                        ),
                        models.UniqueConstraint(
                            fields=("company", "mode", "credit_note", "invoice_line"), name="billing_creditnoteline_once"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("amount__gte", 0),
                                ("amount__lte", 999999999999),
                                ("tax__gte", 0),
                                models.Q(("quantity__isnull", True), ("quantity__gt", 0), _connector="OR"),
                            ),
                            name="billing_creditnoteline_ranges",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="SellerLogo",
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
                    ("content", models.BinaryField()),
                    ("content_type", models.CharField(max_length=10)),
                    ("width", models.PositiveSmallIntegerField()),
                    ("height", models.PositiveSmallIntegerField()),
                    ("sha256", models.CharField(max_length=64)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_sellerlogo_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_sellerlogo_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_sellerlogo_tenant"),
                        models.UniqueConstraint(fields=("company", "mode", "sha256"), name="billing_sellerlogo_once"),
                        models.CheckConstraint(
                            condition=models.Q(("content_type__in", ["image/png", "image/jpeg"]), ("height__gte", 1), ("width__gte", 1)),
                            name="billing_sellerlogo_picture",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Seller",
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
                    ("legal_name", models.CharField(blank=True, max_length=200)),
                    ("address", models.JSONField(null=True)),
                    ("tax_ids", models.JSONField(default=list)),
                    ("bank_details", models.JSONField(null=True)),
                    (
                        "logo",
                        core.tenancy.models.TenantForeignKey(
                            db_index=False,
                            null=True,
                            on_delete=django.db.models.deletion.PROTECT,
                            related_name="+",
                            to="billing.sellerlogo",
                        ),
                    ),
                    ("footer", models.CharField(blank=True, max_length=500)),
                    ("number_prefix", models.CharField(blank=True, max_length=16)),
                    (
                        "language",
                        models.CharField(
                            choices=[
                                ("en", "English"),
                                ("de", "Deutsch"),
                                ("es", "Español"),
                                ("fr", "Français"),
                                ("it", "Italiano"),
                                ("nl", "Nederlands"),
                            ],
                            default="en",
                            max_length=8,
                        ),
                    ),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_seller_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_seller_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_seller_tenant"),
                        core.postgres.constraints.CompositeForeignKey(
                            fields="logo", name="billing_seller_logo", to="billing.SellerLogo", with_mode=True
                        ),
                        models.UniqueConstraint(fields=("company", "mode"), name="billing_seller_once"),
                        models.CheckConstraint(
                            condition=models.Q(("language__in", ["en", "de", "es", "fr", "it", "nl"])), name="billing_seller_language"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("number_prefix", ""), ("number_prefix__regex", "^[A-Z0-9](-?[A-Z0-9])*$"), _connector="OR"),
                            name="billing_seller_number_prefix",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="TierLimits",
                fields=[
                    (
                        "tier",
                        models.CharField(
                            choices=[("starter", "Starter"), ("pro", "Pro"), ("enterprise", "Enterprise")],
                            max_length=20,
                            primary_key=True,
                            serialize=False,
                        ),
                    ),
                    ("requests_per_minute", models.BigIntegerField()),
                    ("messages_per_minute", models.BigIntegerField()),
                    ("email_per_day", models.BigIntegerField()),
                    ("sms_per_day", models.BigIntegerField()),
                    ("webhook_endpoints", models.BigIntegerField()),
                    ("sms_spend_per_day", models.BigIntegerField(help_text="Whole units of SMS_PRICE_CURRENCY.")),
                    ("updated", models.DateTimeField(default=core.clock.now)),
                ],
                options={
                    "verbose_name": "tier",
                    "verbose_name_plural": "tiers",
                    "permissions": [("set_tier_limits", "Can change what a tier allows")],
                    "constraints": [
                        models.CheckConstraint(
                            condition=models.Q(("tier__in", ["starter", "pro", "enterprise"])), name="billing_tierlimits_tier"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("email_per_day__range", (0, 1000000000)),
                                ("messages_per_minute__range", (0, 1000000000)),
                                ("requests_per_minute__range", (0, 1000000000)),
                                ("sms_per_day__range", (0, 1000000000)),
                                ("sms_spend_per_day__range", (0, 1000000000)),
                                ("webhook_endpoints__range", (0, 1000000000)),
                            ),
                            name="billing_tierlimits_ranges",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="TierRequest",
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
                        "tier",
                        models.CharField(choices=[("starter", "Starter"), ("pro", "Pro"), ("enterprise", "Enterprise")], max_length=20),
                    ),
                    ("note", models.CharField(blank=True, max_length=1000)),
                    (
                        "requested_by",
                        models.ForeignKey(
                            null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
                        ),
                    ),
                    (
                        "status",
                        models.CharField(
                            choices=[("open", "Open"), ("applied", "Applied"), ("declined", "Declined"), ("withdrawn", "Withdrawn")],
                            default="open",
                            max_length=16,
                        ),
                    ),
                    ("decided_at", models.DateTimeField(null=True)),
                    ("decision_note", models.CharField(blank=True, max_length=500)),
                ],
                options={
                    "permissions": [
                        ("apply_tierrequest", "Can give a company the tier it asks for"),
                        ("decline_tierrequest", "Can decline a company's wish for another tier"),
                    ],
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column=None, name="billing_tierrequest_rls"
                        ),
                        models.UniqueConstraint(fields=("company", "id"), name="billing_tierrequest_tenant"),
                        models.UniqueConstraint(
                            condition=models.Q(("status", "open")), fields=("company",), name="billing_tierrequest_open_once"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("tier__in", ["starter", "pro", "enterprise"])), name="billing_tierrequest_tier"
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("decided_at__isnull", True), ("status", "open")),
                                models.Q(("status__in", ["applied", "declined", "withdrawn"]), ("decided_at__isnull", False)),
                                _connector="OR",
                            ),
                            name="billing_tierrequest_decided",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="CreditNoteCounter",
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
                    ("last_number", models.BigIntegerField(default=0)),
                ],
                options={
                    "abstract": False,
                    "base_manager_name": "objects",
                    "default_manager_name": "objects",
                    "constraints": [
                        core.postgres.constraints.RowLevelSecurity(
                            company_column="company_id", mode_column="mode", name="billing_creditnotecounter_rls"
                        ),
                        models.CheckConstraint(condition=models.Q(("mode__in", ["live", "test"])), name="billing_creditnotecounter_mode"),
                        models.UniqueConstraint(fields=("company", "mode", "id"), name="billing_creditnotecounter_tenant"),
                        models.UniqueConstraint(fields=("company", "mode"), name="billing_creditnotecounter_once"),
                        models.CheckConstraint(condition=models.Q(("last_number__gte", 0)), name="billing_creditnotecounter_positive"),
                    ],
                },
            ),
        ),
    ]
