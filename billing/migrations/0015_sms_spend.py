"""What SMS may cost a company on a UTC day, as a limit of each tier: about one unit of the currency for each SMS of its daily cap."""

from django.db import migrations, models

SEED = """
UPDATE billing_tierlimits SET sms_spend_per_day = CASE tier WHEN 'starter' THEN 50 WHEN 'pro' THEN 1000 ELSE 20000 END;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0014_disputes")]

    operations = [
        migrations.AddField(
            model_name="tierlimits",
            name="sms_spend_per_day",
            field=models.BigIntegerField(default=0, help_text="Whole units of SMS_PRICE_CURRENCY."),
            preserve_default=False,
        ),
        migrations.RunSQL(SEED, migrations.RunSQL.noop),
        migrations.RemoveConstraint(model_name="tierlimits", name="billing_tierlimits_ranges"),
        migrations.AddConstraint(
            model_name="tierlimits",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("email_per_day__range", (0, 1000000000)),
                    ("messages_per_minute__range", (0, 1000000000)),
                    ("requests_per_minute__range", (0, 1000000000)),
                    ("sms_per_day__range", (0, 1000000000)),
                    ("sms_spend_per_day__range", (0, 1000000000)),
                    ("webhook_endpoints__range", (0, 1000000000)),
                ),
                name="billing_tierlimits_ranges",
            ),
        ),
    ]
