"""Shares of a day's cap, so that those who send for one company at the same time do not all wait for one row."""

from pathlib import Path

import core.clock
import core.postgres.constraints
import core.values.ids
import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_allowances'),
        ('messaging', '0006_bulk_topics'),
    ]

    operations = [
        migrations.CreateModel(
            name='DailyShare',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created', models.DateTimeField(default=core.clock.now, editable=False)),
                ('mode', models.CharField(choices=[('live', 'Live'), ('test', 'Test')], max_length=4)),
                ('channel', models.CharField(max_length=16)),
                ('day', models.DateField()),
                ('unused', models.PositiveIntegerField()),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.company')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['company', 'mode', 'channel', 'day'], name='messaging_dailyshare_day')],
                'constraints': [core.postgres.constraints.RowLevelSecurity(company_column='company_id', mode_column='mode', name='messaging_dailyshare_rls'), models.CheckConstraint(condition=models.Q(('mode__in', ['live', 'test'])), name='messaging_dailyshare_mode'), models.UniqueConstraint(fields=('company', 'mode', 'id'), name='messaging_dailyshare_tenant')],
            },
        ),
        migrations.RunSQL((SQL / "daily_shares.sql").read_text(), (SQL / "daily_shares_undo.sql").read_text()),
    ]
