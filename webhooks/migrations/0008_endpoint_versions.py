"""Endpoints are pinned to a version of the API; those there are to the one there was."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0007_plain_names")]

    operations = [
        migrations.AddField(
            model_name="endpoint",
            name="api_version",
            field=models.CharField(db_default="2026-11-01", max_length=10),
        ),
    ]
