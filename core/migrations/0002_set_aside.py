"""Rows that batches set aside: of every company, so the table is for the role `system` alone."""

import core.clock
import core.values.ids
from django.db import migrations, models

RIGHTS = """
REVOKE ALL ON core_setaside FROM app;
ALTER TABLE core_setaside ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON core_setaside TO system USING (true) WITH CHECK (true);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='SetAside',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('batch', models.CharField(help_text='Which work it was part of.', max_length=64)),
                ('item', models.CharField(help_text='Its identifier.', max_length=200)),
                ('row_id', models.UUIDField(null=True)),
                ('reason', models.CharField(max_length=500)),
                ('tries', models.PositiveIntegerField(default=1)),
                ('first_seen', models.DateTimeField(default=core.clock.now, editable=False)),
                ('last_seen', models.DateTimeField()),
                ('try_again_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'row set aside',
                'verbose_name_plural': 'rows set aside',
                'constraints': [models.UniqueConstraint(fields=('batch', 'item'), name='core_setaside_once')],
            },
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
