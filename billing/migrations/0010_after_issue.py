"""Credit notes, payments past the gateway, links to invoices; reasons and metadata of refunds."""

import core.clock
import core.postgres.constraints
import core.values.ids
import core.tenancy
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_allowances'),
        ('billing', '0009_tax_sums'),
    ]

    operations = [
        migrations.CreateModel(
            name='CreditNote',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created', models.DateTimeField(default=core.clock.now, editable=False)),
                ('mode', models.CharField(choices=[('live', 'Live'), ('test', 'Test')], max_length=4)),
                ('status', models.CharField(choices=[('issued', 'Issued'), ('void', 'Void')], default='issued', max_length=8)),
                ('sequence', models.BigIntegerField()),
                ('number', models.CharField(max_length=40)),
                ('reason', models.CharField(blank=True, choices=[('duplicate', 'Duplicate'), ('fraudulent', 'Fraudulent'), ('order_change', 'The order was changed'), ('product_unsatisfactory', 'Something was not as it should be'), ('other', 'Other')], max_length=32)),
                ('memo', models.CharField(blank=True, max_length=1000)),
                ('metadata', models.JSONField(default=dict)),
                ('seller', models.JSONField()),
                ('billed_to', models.JSONField()),
                ('subtotal', models.BigIntegerField()),
                ('tax', models.BigIntegerField()),
                ('total', models.BigIntegerField()),
                ('pre_payment_amount', models.BigIntegerField()),
                ('post_payment_amount', models.BigIntegerField()),
                ('voided_at', models.DateTimeField(null=True)),
                ('void_reason', models.CharField(blank=True, max_length=300)),
                ('updated', models.DateTimeField(default=core.clock.now)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='CreditNoteCounter',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created', models.DateTimeField(default=core.clock.now, editable=False)),
                ('mode', models.CharField(choices=[('live', 'Live'), ('test', 'Test')], max_length=4)),
                ('last_number', models.BigIntegerField(default=0)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='CreditNoteLine',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created', models.DateTimeField(default=core.clock.now, editable=False)),
                ('mode', models.CharField(choices=[('live', 'Live'), ('test', 'Test')], max_length=4)),
                ('position', models.PositiveSmallIntegerField()),
                ('quantity', models.DecimalField(decimal_places=6, max_digits=13, null=True)),
                ('amount', models.BigIntegerField()),
                ('tax', models.BigIntegerField()),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='InvoiceLink',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created', models.DateTimeField(default=core.clock.now, editable=False)),
                ('mode', models.CharField(choices=[('live', 'Live'), ('test', 'Test')], max_length=4)),
                ('token_hash', models.CharField(max_length=64)),
                ('revoked_at', models.DateTimeField(null=True)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='OffPlatformPayment',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created', models.DateTimeField(default=core.clock.now, editable=False)),
                ('mode', models.CharField(choices=[('live', 'Live'), ('test', 'Test')], max_length=4)),
                ('method', models.CharField(choices=[('bank_transfer', 'Bank transfer'), ('cash', 'Cash'), ('other', 'Other')], max_length=16)),
                ('amount', models.BigIntegerField()),
                ('paid_at', models.DateTimeField()),
                ('reference', models.CharField(blank=True, max_length=140)),
                ('metadata', models.JSONField(default=dict)),
                ('undone_at', models.DateTimeField(null=True)),
                ('undo_reason', models.CharField(blank=True, max_length=300)),
                ('updated', models.DateTimeField(default=core.clock.now)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.RemoveConstraint(
            model_name='invoice',
            name='billing_invoice_never_overpaid',
        ),
        migrations.RemoveConstraint(
            model_name='invoice',
            name='billing_invoice_draft_or_numbered',
        ),
        migrations.RemoveConstraint(
            model_name='invoice',
            name='billing_invoice_paid_in_full',
        ),
        migrations.RemoveConstraint(
            model_name='invoice',
            name='billing_invoice_void_unpaid',
        ),
        migrations.AddField(
            model_name='invoice',
            name='amount_refunded',
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='invoice',
            name='overdue_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='invoice',
            name='post_payment_credit',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='invoice',
            name='pre_payment_credit',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='refund',
            name='metadata',
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            model_name='refund',
            name='reason',
            field=models.CharField(blank=True, choices=[('duplicate', 'Duplicate'), ('fraudulent', 'Fraudulent'), ('requested_by_customer', 'Requested by the customer'), ('other', 'Other')], db_default='', max_length=32),
        ),
        migrations.AddIndex(
            model_name='invoice',
            index=models.Index(condition=models.Q(('overdue_at__isnull', True), ('status', 'open')), fields=['due_date'], name='billing_invoice_overdue'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(fields=['company', 'mode', 'status', '-id'], name='billing_refund_by_status'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('amount_paid__gte', 0), ('amount_pending__gte', 0), ('pre_payment_credit__gte', 0), ('total__gte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('amount_paid'), '+', models.F('amount_pending')), '+', models.F('pre_payment_credit')))), name='billing_invoice_never_overpaid'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('amount_refunded__gte', 0), ('post_payment_credit__gte', 0), ('amount_paid__gte', models.F('amount_refunded')), ('amount_paid__gte', models.F('post_payment_credit'))), name='billing_invoice_given_back'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount_paid', 0), ('amount_pending', 0), ('finalized_at__isnull', True), ('number__isnull', True), ('pre_payment_credit', 0), ('sequence__isnull', True), ('status', 'draft')), models.Q(models.Q(('status', 'draft'), _negated=True), ('finalized_at__isnull', False), ('number__isnull', False), ('sequence__isnull', False)), _connector='OR'), name='billing_invoice_draft_or_numbered'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('paid_at__isnull', False), ('status', 'paid'), ('total', django.db.models.expressions.CombinedExpression(models.F('amount_paid'), '+', models.F('pre_payment_credit')))), models.Q(models.Q(('status', 'paid'), _negated=True), ('paid_at__isnull', True)), _connector='OR'), name='billing_invoice_paid_in_full'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount_paid', 0), ('amount_pending', 0), ('pre_payment_credit', 0), ('status', 'void'), ('voided_at__isnull', False)), models.Q(models.Q(('status', 'void'), _negated=True), ('voided_at__isnull', True)), _connector='OR'), name='billing_invoice_void_unpaid'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['', 'duplicate', 'fraudulent', 'requested_by_customer', 'other'])), name='billing_refund_reason'),
        ),
        migrations.AddField(
            model_name='creditnote',
            name='company',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.company'),
        ),
        migrations.AddField(
            model_name='creditnote',
            name='invoice',
            field=core.tenancy.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='credit_notes', to='billing.invoice'),
        ),
        migrations.AddField(
            model_name='creditnote',
            name='refund',
            field=core.tenancy.TenantForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credit_notes', to='billing.refund'),
        ),
        migrations.AddField(
            model_name='creditnotecounter',
            name='company',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.company'),
        ),
        migrations.AddField(
            model_name='creditnoteline',
            name='company',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.company'),
        ),
        migrations.AddField(
            model_name='creditnoteline',
            name='credit_note',
            field=core.tenancy.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='billing.creditnote'),
        ),
        migrations.AddField(
            model_name='creditnoteline',
            name='invoice_line',
            field=core.tenancy.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='credits', to='billing.invoiceline'),
        ),
        migrations.AddField(
            model_name='invoicelink',
            name='company',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.company'),
        ),
        migrations.AddField(
            model_name='invoicelink',
            name='invoice',
            field=core.tenancy.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='links', to='billing.invoice'),
        ),
        migrations.AddField(
            model_name='offplatformpayment',
            name='company',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.company'),
        ),
        migrations.AddField(
            model_name='offplatformpayment',
            name='invoice',
            field=core.tenancy.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='billing.invoice'),
        ),
        migrations.AddIndex(
            model_name='creditnote',
            index=models.Index(fields=['company', 'mode', 'invoice', '-id'], name='billing_creditnote_by_invoice'),
        ),
        migrations.AddIndex(
            model_name='creditnote',
            index=models.Index(fields=['company', 'mode', 'status', '-id'], name='billing_creditnote_by_status'),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=core.postgres.constraints.RowLevelSecurity(company_column='company_id', mode_column='mode', name='billing_creditnote_rls'),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=models.CheckConstraint(condition=models.Q(('mode__in', ['live', 'test'])), name='billing_creditnote_mode'),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'id'), name='billing_creditnote_tenant'),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=core.postgres.constraints.CompositeForeignKey(fields='invoice', name='billing_creditnote_invoice', to='billing.Invoice', with_mode=True),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=core.postgres.constraints.CompositeForeignKey(fields='refund', name='billing_creditnote_refund', to='billing.Refund', with_mode=True),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'sequence'), name='billing_creditnote_sequence'),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'number'), name='billing_creditnote_number'),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'refund'), name='billing_creditnote_of_refund'),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['', 'duplicate', 'fraudulent', 'order_change', 'product_unsatisfactory', 'other'])), name='billing_creditnote_reason'),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=models.CheckConstraint(condition=models.Q(('total', django.db.models.expressions.CombinedExpression(models.F('subtotal'), '+', models.F('tax'))), ('total', django.db.models.expressions.CombinedExpression(models.F('pre_payment_amount'), '+', models.F('post_payment_amount'))), ('post_payment_amount__gte', 0), ('pre_payment_amount__gte', 0), ('subtotal__gte', 0), ('tax__gte', 0), ('total__gte', 1), ('total__lte', 999999999999)), name='billing_creditnote_amounts'),
        ),
        migrations.AddConstraint(
            model_name='creditnote',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'issued'), ('void_reason', ''), ('voided_at__isnull', True)), models.Q(('status', 'void'), ('voided_at__isnull', False)), _connector='OR'), name='billing_creditnote_void'),
        ),
        migrations.AddConstraint(
            model_name='creditnotecounter',
            constraint=core.postgres.constraints.RowLevelSecurity(company_column='company_id', mode_column='mode', name='billing_creditnotecounter_rls'),
        ),
        migrations.AddConstraint(
            model_name='creditnotecounter',
            constraint=models.CheckConstraint(condition=models.Q(('mode__in', ['live', 'test'])), name='billing_creditnotecounter_mode'),
        ),
        migrations.AddConstraint(
            model_name='creditnotecounter',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'id'), name='billing_creditnotecounter_tenant'),
        ),
        migrations.AddConstraint(
            model_name='creditnotecounter',
            constraint=models.UniqueConstraint(fields=('company', 'mode'), name='billing_creditnotecounter_once'),
        ),
        migrations.AddConstraint(
            model_name='creditnotecounter',
            constraint=models.CheckConstraint(condition=models.Q(('last_number__gte', 0)), name='billing_creditnotecounter_positive'),
        ),
        migrations.AddIndex(
            model_name='creditnoteline',
            index=models.Index(fields=['company', 'mode', 'invoice_line'], name='billing_creditnoteline_of_line'),
        ),
        migrations.AddConstraint(
            model_name='creditnoteline',
            constraint=core.postgres.constraints.RowLevelSecurity(company_column='company_id', mode_column='mode', name='billing_creditnoteline_rls'),
        ),
        migrations.AddConstraint(
            model_name='creditnoteline',
            constraint=models.CheckConstraint(condition=models.Q(('mode__in', ['live', 'test'])), name='billing_creditnoteline_mode'),
        ),
        migrations.AddConstraint(
            model_name='creditnoteline',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'id'), name='billing_creditnoteline_tenant'),
        ),
        migrations.AddConstraint(
            model_name='creditnoteline',
            constraint=core.postgres.constraints.CompositeForeignKey(fields='credit_note', name='billing_creditnoteline_note', to='billing.CreditNote', with_mode=True),
        ),
        migrations.AddConstraint(
            model_name='creditnoteline',
            constraint=core.postgres.constraints.CompositeForeignKey(fields='invoice_line', name='billing_creditnoteline_line', to='billing.InvoiceLine', with_mode=True),
        ),
        migrations.AddConstraint(
            model_name='creditnoteline',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'credit_note', 'invoice_line'), name='billing_creditnoteline_once'),
        ),
        migrations.AddConstraint(
            model_name='creditnoteline',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('amount__lte', 999999999999), ('tax__gte', 0), models.Q(('quantity__isnull', True), ('quantity__gt', 0), _connector='OR')), name='billing_creditnoteline_ranges'),
        ),
        migrations.AddIndex(
            model_name='invoicelink',
            index=models.Index(fields=['company', 'mode', 'invoice', '-id'], name='billing_invoicelink_by_invoice'),
        ),
        migrations.AddConstraint(
            model_name='invoicelink',
            constraint=core.postgres.constraints.RowLevelSecurity(company_column='company_id', mode_column='mode', name='billing_invoicelink_rls'),
        ),
        migrations.AddConstraint(
            model_name='invoicelink',
            constraint=models.CheckConstraint(condition=models.Q(('mode__in', ['live', 'test'])), name='billing_invoicelink_mode'),
        ),
        migrations.AddConstraint(
            model_name='invoicelink',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'id'), name='billing_invoicelink_tenant'),
        ),
        migrations.AddConstraint(
            model_name='invoicelink',
            constraint=core.postgres.constraints.CompositeForeignKey(fields='invoice', name='billing_invoicelink_invoice', to='billing.Invoice', with_mode=True),
        ),
        migrations.AddConstraint(
            model_name='invoicelink',
            constraint=models.UniqueConstraint(fields=('token_hash',), name='billing_invoicelink_token'),
        ),
        migrations.AddConstraint(
            model_name='invoicelink',
            constraint=models.CheckConstraint(condition=models.Q(('token_hash__regex', '^[0-9a-f]{64}$')), name='billing_invoicelink_hash'),
        ),
        migrations.AddIndex(
            model_name='offplatformpayment',
            index=models.Index(fields=['company', 'mode', 'invoice', '-id'], name='billing_offplatform_by_invoice'),
        ),
        migrations.AddConstraint(
            model_name='offplatformpayment',
            constraint=core.postgres.constraints.RowLevelSecurity(company_column='company_id', mode_column='mode', name='billing_offplatformpayment_rls'),
        ),
        migrations.AddConstraint(
            model_name='offplatformpayment',
            constraint=models.CheckConstraint(condition=models.Q(('mode__in', ['live', 'test'])), name='billing_offplatformpayment_mode'),
        ),
        migrations.AddConstraint(
            model_name='offplatformpayment',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'id'), name='billing_offplatformpayment_tenant'),
        ),
        migrations.AddConstraint(
            model_name='offplatformpayment',
            constraint=core.postgres.constraints.CompositeForeignKey(fields='invoice', name='billing_offplatformpayment_invoice', to='billing.Invoice', with_mode=True),
        ),
        migrations.AddConstraint(
            model_name='offplatformpayment',
            constraint=models.CheckConstraint(condition=models.Q(('method__in', ['bank_transfer', 'cash', 'other'])), name='billing_offplatformpayment_method'),
        ),
        migrations.AddConstraint(
            model_name='offplatformpayment',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 1), ('amount__lte', 999999999999)), name='billing_offplatformpayment_amount'),
        ),
        migrations.AddConstraint(
            model_name='offplatformpayment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('undo_reason', ''), ('undone_at__isnull', True)), models.Q(('undone_at__isnull', False), models.Q(('undo_reason', ''), _negated=True)), _connector='OR'), name='billing_offplatformpayment_undone'),
        ),
    ]
