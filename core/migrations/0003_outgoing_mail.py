"""Our own mail, until it is sent: the role `app` adds rows and sees none, since codes and links that let people in are in them."""

import core.clock
import core.values.ids
from django.db import migrations, models

RIGHTS = """
REVOKE ALL ON core_outgoingmail FROM app;
GRANT INSERT ON core_outgoingmail TO app;
ALTER TABLE core_outgoingmail ENABLE ROW LEVEL SECURITY;
CREATE POLICY queue ON core_outgoingmail FOR INSERT TO app WITH CHECK (true);
CREATE POLICY system ON core_outgoingmail TO system USING (true) WITH CHECK (true);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0002_set_aside'),
    ]

    operations = [
        migrations.CreateModel(
            name='OutgoingMail',
            fields=[
                ('id', models.UUIDField(default=core.values.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('created', models.DateTimeField(default=core.clock.now, editable=False)),
                ('content', models.BinaryField()),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['due_at'], name='core_outgoingmail_due')],
            },
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
