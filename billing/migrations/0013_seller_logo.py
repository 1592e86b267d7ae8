"""Keep the logo that documents show: a row for each, which stays for those that were issued with it."""

import core.clock
import core.postgres.constraints
import core.tenancy.models
import core.values.ids
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_allowances'),
        ('billing', '0012_sums'),
    ]

    operations = [
        migrations.CreateModel(
            name='SellerLogo',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created', models.DateTimeField(default=core.clock.now, editable=False)),
                ('mode', models.CharField(choices=[('live', 'Live'), ('test', 'Test')], max_length=4)),
                ('content', models.BinaryField()),
                ('content_type', models.CharField(max_length=10)),
                ('width', models.PositiveSmallIntegerField()),
                ('height', models.PositiveSmallIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.company')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
            },
        ),
        migrations.AddField(
            model_name='seller',
            name='logo',
            field=core.tenancy.models.TenantForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.sellerlogo'),
        ),
        migrations.AddConstraint(
            model_name='sellerlogo',
            constraint=core.postgres.constraints.RowLevelSecurity(company_column='company_id', mode_column='mode', name='billing_sellerlogo_rls'),
        ),
        migrations.AddConstraint(
            model_name='sellerlogo',
            constraint=models.CheckConstraint(condition=models.Q(('mode__in', ['live', 'test'])), name='billing_sellerlogo_mode'),
        ),
        migrations.AddConstraint(
            model_name='sellerlogo',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'id'), name='billing_sellerlogo_tenant'),
        ),
        migrations.AddConstraint(
            model_name='sellerlogo',
            constraint=models.UniqueConstraint(fields=('company', 'mode', 'sha256'), name='billing_sellerlogo_once'),
        ),
        migrations.AddConstraint(
            model_name='sellerlogo',
            constraint=models.CheckConstraint(condition=models.Q(('content_type__in', ['image/png', 'image/jpeg']), ('height__gte', 1), ('width__gte', 1)), name='billing_sellerlogo_picture'),
        ),
        migrations.AddConstraint(
            model_name='seller',
            constraint=core.postgres.constraints.CompositeForeignKey(fields='logo', name='billing_seller_logo', to='billing.SellerLogo', with_mode=True),
        ),
    ]
