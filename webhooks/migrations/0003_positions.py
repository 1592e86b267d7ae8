"""Endpoints subscribe from a position; recovery jobs walk by position and know what was in front of the relay."""

from django.db import migrations, models

import core.postgres.fields

# Whoever subscribed before gets what is still in front of the relay.
EVERYTHING = "UPDATE webhooks_endpoint SET subscribed_from = 0;"


class Migration(migrations.Migration):
    dependencies = [("core", "0004_positions"), ("webhooks", "0002_staff_permissions")]

    operations = [
        migrations.RemoveField(model_name="endpoint", name="subscribed_from"),
        migrations.AddField(
            model_name="endpoint",
            name="subscribed_from",
            field=models.BigIntegerField(
                db_default=core.postgres.fields.LastValue("core_event_position"), editable=False
            ),
        ),
        migrations.RunSQL(EVERYTHING, migrations.RunSQL.noop),
        migrations.RemoveField(model_name="recoveryjob", name="started_in"),
        migrations.AddField(
            model_name="recoveryjob",
            name="began_at_position",
            field=models.BigIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="recoveryjob",
            name="began_at_sequence",
            field=models.BigIntegerField(
                db_default=core.postgres.fields.LastValue("core_event_sequence"), editable=False
            ),
        ),
        migrations.AddField(
            model_name="recoveryjob",
            name="position",
            field=models.BigIntegerField(default=0),
        ),
    ]
