"""The limits of the tiers as rows: the three tiers as they come, which staff may change."""

import core.clock
from django.db import migrations, models

# tier, requests and calls to send a minute, emails and SMS a day, webhook endpoints
SEED = """
INSERT INTO billing_tierlimits
    (tier, requests_per_minute, messages_per_minute, email_per_day, sms_per_day, webhook_endpoints, updated)
VALUES
    ('starter', 60, 10, 200, 50, 5, now()),
    ('pro', 300, 60, 5000, 1000, 20, now()),
    ('enterprise', 1000, 200, 100000, 20000, 100, now());
"""
# The tiers are the same for every company, so there is no policy to hold them: nobody but staff's work writes them.
PRIVILEGES = """
REVOKE INSERT, UPDATE, DELETE ON billing_tierlimits FROM app;
REVOKE INSERT, DELETE ON billing_tierlimits FROM system;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_invariants"), ("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="TierLimits",
            fields=[
                ("tier", models.CharField(choices=[("starter", "Starter"), ("pro", "Pro"), ("enterprise", "Enterprise")], max_length=20, primary_key=True, serialize=False)),
                ("requests_per_minute", models.BigIntegerField()),
                ("messages_per_minute", models.BigIntegerField()),
                ("email_per_day", models.BigIntegerField()),
                ("sms_per_day", models.BigIntegerField()),
                ("webhook_endpoints", models.BigIntegerField()),
                ("updated", models.DateTimeField(default=core.clock.now)),
            ],
            options={"verbose_name": "tier", "verbose_name_plural": "tiers"},
        ),
        migrations.AddConstraint(
            model_name="tierlimits",
            constraint=models.CheckConstraint(condition=models.Q(("tier__in", ["starter", "pro", "enterprise"])), name="billing_tierlimits_tier"),
        ),
        migrations.AddConstraint(
            model_name="tierlimits",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("email_per_day__range", (0, 1000000000)),
                    ("messages_per_minute__range", (0, 1000000000)),
                    ("requests_per_minute__range", (0, 1000000000)),
                    ("sms_per_day__range", (0, 1000000000)),
                    ("webhook_endpoints__range", (0, 1000000000)),
                ),
                name="billing_tierlimits_ranges",
            ),
        ),
        migrations.RunSQL(SEED, migrations.RunSQL.noop),
        migrations.RunSQL(PRIVILEGES, migrations.RunSQL.noop),
    ]
