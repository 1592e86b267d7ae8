"""Reports of found secrets: nobody's until they are looked up, so the table is for the role `system` alone."""

import core.clock
import core.values.ids
from django.db import migrations, models

RIGHTS = """
REVOKE ALL ON apikeys_leakreport FROM app;
ALTER TABLE apikeys_leakreport ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON apikeys_leakreport TO system USING (true) WITH CHECK (true);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('apikeys', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='LeakReport',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('received', models.DateTimeField(default=core.clock.now, editable=False)),
                ('digest', models.BinaryField(help_text='Keyed: one row for one secret.', max_length=32, unique=True)),
                ('secret', models.TextField(help_text='Encrypted under FIELD_ENCRYPTION_KEYS.')),
                ('place', models.CharField(blank=True, max_length=300)),
                ('ip', models.GenericIPAddressField()),
                ('user_agent', models.CharField(blank=True, max_length=500)),
                ('request_id', models.CharField(blank=True, max_length=40)),
            ],
            options={
                'verbose_name': 'report of a found secret',
            },
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
        migrations.AddField(
            model_name='apikeysecret',
            name='report_overruled_at',
            field=models.DateTimeField(blank=True, help_text='When an owner undid the revocation that a report had caused: later reports revoke nothing.', null=True),
        ),
        migrations.AddField(
            model_name='apikeysecret',
            name='reported_at',
            field=models.DateTimeField(blank=True, help_text='When somebody who has found it last told us.', null=True),
        ),
        migrations.AddField(
            model_name='apikeysecret',
            name='reported_from',
            field=models.GenericIPAddressField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='apikeysecret',
            name='reported_place',
            field=models.CharField(blank=True, help_text='Where, in the words of whoever found it.', max_length=300),
        ),
        migrations.AlterField(
            model_name='apikey',
            name='revocation_reason',
            field=models.CharField(blank=True, choices=[('user', 'Revoked by the company'), ('leak', 'Found in the open'), ('staff', 'Revoked by staff'), ('operator', "Revoked by an operator's command"), ('reported', 'Reported as found in the open')], max_length=10),
        ),
    ]
