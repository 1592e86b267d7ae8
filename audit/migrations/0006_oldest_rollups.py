"""The oldest roll-ups of all companies, which the retention removes a thousand at a time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_vacuum_sooner")]

    operations = [
        migrations.AddIndex(
            model_name="requestrollup",
            index=models.Index(fields=["hour"], name="audit_rollup_hour"),
        ),
        migrations.AddIndex(
            model_name="usagerollup",
            index=models.Index(fields=["start"], name="audit_usage_oldest"),
        ),
    ]
