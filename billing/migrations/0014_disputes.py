"""Keep what gateways tell of disputes, and find a charge by what its gateway calls it."""

import core.clock
import core.postgres.constraints
import core.tenancy.models
import core.values.ids
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_first_steps'),
        ('billing', '0013_seller_logo'),
    ]

    operations = [
        migrations.CreateModel(
            name='Dispute',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created', models.DateTimeField(default=core.clock.now, editable=False)),
                ('mode', models.CharField(choices=[('live', 'Live'), ('test', 'Test')], max_length=4)),
                ('gateway_reference', models.CharField(max_length=255)),
                ('amount', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('reason', models.CharField(max_length=64)),
                ('status', models.CharField(choices=[('needs_response', 'Needs an answer'), ('under_review', 'Under review'), ('won', 'Won'), ('lost', 'Lost'), ('closed', 'Closed')], max_length=16)),
                ('response_due_at', models.DateTimeField(null=True)),
                ('reported_at', models.DateTimeField()),
                ('updated', models.DateTimeField(default=core.clock.now)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.AddIndex(
            model_name='charge',
            index=models.Index(condition=models.Q(('gateway_reference', ''), _negated=True), fields=['gateway_reference'], name='billing_charge_by_reference'),
        ),
        migrations.AddField(
            model_name='dispute',
            name='charge',
            field=core.tenancy.models.TenantForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='billing.charge'),
        ),
        migrations.AddField(
            model_name='dispute',
            name='company',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.company'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=core.postgres.constraints.RowLevelSecurity(company_column='company_id', mode_column='mode', name='billing_dispute_rls'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('mode__in', ['live', 'test'])), name='billing_dispute_mode'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'id'), name='billing_dispute_tenant'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=core.postgres.constraints.CompositeForeignKey(fields='charge', name='billing_dispute_charge', to='billing.Charge', with_mode=True),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'charge', 'gateway_reference'), name='billing_dispute_once'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['needs_response', 'under_review', 'won', 'lost', 'closed'])), name='billing_dispute_status'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('amount__lte', 999999999999)), name='billing_dispute_amount'),
        ),
    ]
