"""Each event says in which version's form its object was written: until now there was one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0008_vacuum_sooner")]

    operations = [
        migrations.AddField(
            model_name="outboxevent",
            name="api_version",
            field=models.CharField(db_default="2026-11-01", editable=False, max_length=10),
        ),
    ]
