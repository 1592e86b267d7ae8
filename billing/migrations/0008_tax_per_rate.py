"""Decimal quantities, discounts on invoices, included tax, exemptions; tax is no longer bound to its line alone."""

import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.math
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_allowances'),
        ('billing', '0007_immutable_by_default'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='invoiceline',
            name='billing_invoiceline_ranges',
        ),
        migrations.RemoveConstraint(
            model_name='invoiceline',
            name='billing_invoiceline_amount',
        ),
        migrations.RemoveConstraint(
            model_name='invoiceline',
            name='billing_invoiceline_tax',
        ),
        migrations.AddField(
            model_name='invoice',
            name='discount_amount',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='invoice',
            name='discount_bps',
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name='invoice',
            name='memo',
            field=models.CharField(blank=True, db_default='', max_length=1000),
        ),
        migrations.AddField(
            model_name='invoice',
            name='prices_include_tax',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='invoice',
            name='purchase_order',
            field=models.CharField(blank=True, db_default='', max_length=100),
        ),
        migrations.AddField(
            model_name='invoice',
            name='service_end',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='invoice',
            name='service_start',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='invoice',
            name='tax_exempt',
            field=models.CharField(choices=[('none', 'Taxed'), ('exempt', 'Exempt'), ('reverse', 'Reverse charge')], db_default='none', default='none', max_length=8),
        ),
        migrations.AddField(
            model_name='invoice',
            name='tax_note',
            field=models.CharField(blank=True, db_default='', max_length=300),
        ),
        migrations.AddField(
            model_name='invoice',
            name='tax_per_rate',
            field=models.BooleanField(db_default=False, default=True, editable=False),
        ),
        migrations.AddField(
            model_name='invoiceline',
            name='discount_bps',
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name='invoiceline',
            name='discount_share',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name='invoiceline',
            name='quantity',
            field=models.DecimalField(decimal_places=6, max_digits=13),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(('discount_amount__gte', 0), models.Q(('discount_bps__isnull', True), ('discount_bps__range', (0, 10000)), _connector='OR'), ('tax_exempt__in', ['none', 'exempt', 'reverse'])), name='billing_invoice_discount'),
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('service_end__isnull', True), ('service_start__isnull', True)), ('service_start__lte', models.F('service_end')), _connector='OR'), name='billing_invoice_service_period'),
        ),
        migrations.AddConstraint(
            model_name='invoiceline',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gt', 0), ('quantity__lte', 1000000), ('unit_amount__gte', 0), ('unit_amount__lte', 999999999999), ('tax_rate_bps__gte', 0), ('tax_rate_bps__lte', 10000), ('amount__gte', 0), ('amount__lte', 999999999999), ('discount_amount__gte', 0), ('discount_share__gte', 0), ('discount_share__lte', models.F('amount')), ('tax__gte', 0), models.Q(('discount_bps__isnull', True), ('discount_bps__range', (0, 10000)), _connector='OR')), name='billing_invoiceline_ranges'),
        ),
        migrations.AddConstraint(
            model_name='invoiceline',
            constraint=models.CheckConstraint(condition=models.Q(('amount', django.db.models.expressions.CombinedExpression(django.db.models.functions.comparison.Cast(django.db.models.functions.math.Round(models.ExpressionWrapper(django.db.models.expressions.CombinedExpression(models.F('quantity'), '*', models.F('unit_amount')), output_field=models.DecimalField(decimal_places=6, max_digits=40))), models.BigIntegerField()), '-', models.F('discount_amount')))), name='billing_invoiceline_amount'),
        ),
    ]
