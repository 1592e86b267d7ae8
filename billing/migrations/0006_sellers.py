"""Who sells and who buys: a table of sellers, tax details of customers, both as an invoice keeps them."""

import core.clock
import core.postgres.constraints
import core.values.ids
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_allowances'),
        ('billing', '0005_fold_words'),
    ]

    operations = [
        migrations.CreateModel(
            name='Seller',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created', models.DateTimeField(default=core.clock.now, editable=False)),
                ('mode', models.CharField(choices=[('live', 'Live'), ('test', 'Test')], max_length=4)),
                ('legal_name', models.CharField(blank=True, max_length=200)),
                ('address', models.JSONField(null=True)),
                ('tax_ids', models.JSONField(default=list)),
                ('bank_details', models.JSONField(null=True)),
                ('footer', models.CharField(blank=True, max_length=500)),
                ('number_prefix', models.CharField(blank=True, max_length=16)),
                ('language', models.CharField(choices=[('en', 'English'), ('de', 'Deutsch'), ('es', 'Español'), ('fr', 'Français'), ('it', 'Italiano'), ('nl', 'Nederlands')], default='en', max_length=8)),
                ('updated', models.DateTimeField(default=core.clock.now)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.AddField(
            model_name='customer',
            name='preferred_language',
            field=models.CharField(blank=True, choices=[('en', 'English'), ('de', 'Deutsch'), ('es', 'Español'), ('fr', 'Français'), ('it', 'Italiano'), ('nl', 'Nederlands')], db_default='', max_length=8),
        ),
        migrations.AddField(
            model_name='customer',
            name='tax_exempt',
            field=models.CharField(choices=[('none', 'Taxed'), ('exempt', 'Exempt'), ('reverse', 'Reverse charge')], db_default='none', default='none', max_length=8),
        ),
        migrations.AddField(
            model_name='customer',
            name='tax_ids',
            field=models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
        ),
        migrations.AddField(
            model_name='invoice',
            name='seller',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='invoice',
            name='warnings',
            field=models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
        ),
        migrations.AddConstraint(
            model_name='customer',
            constraint=models.CheckConstraint(condition=models.Q(('tax_exempt__in', ['none', 'exempt', 'reverse'])), name='billing_customer_tax_exempt'),
        ),
        migrations.AddField(
            model_name='seller',
            name='company',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.company'),
        ),
        migrations.AddConstraint(
            model_name='seller',
            constraint=core.postgres.constraints.RowLevelSecurity(company_column='company_id', mode_column='mode', name='billing_seller_rls'),
        ),
        migrations.AddConstraint(
            model_name='seller',
            constraint=models.CheckConstraint(condition=models.Q(('mode__in', ['live', 'test'])), name='billing_seller_mode'),
        ),
        migrations.AddConstraint(
            model_name='seller',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'id'), name='billing_seller_tenant'),
        ),
        migrations.AddConstraint(
            model_name='seller',
            constraint=models.UniqueConstraint(fields=('company', 'mode'), name='billing_seller_once'),
        ),
        migrations.AddConstraint(
            model_name='seller',
            constraint=models.CheckConstraint(condition=models.Q(('language__in', ['en', 'de', 'es', 'fr', 'it', 'nl'])), name='billing_seller_language'),
        ),
        migrations.AddConstraint(
            model_name='seller',
            constraint=models.CheckConstraint(condition=models.Q(('number_prefix', ''), ('number_prefix__regex', '^[A-Z0-9](-?[A-Z0-9])*$'), _connector='OR'), name='billing_seller_number_prefix'),
        ),
    ]
