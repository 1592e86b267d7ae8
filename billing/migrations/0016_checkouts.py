"""Let payers make a charge on the gateway's own page: until when, which page, and one at a time for each invoice."""

from pathlib import Path

from django.db import migrations, models

from core.postgres.going_back import refuse_while
from core.postgres.sql_files import functions_of

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("billing", "0015_sms_spend")]

    operations = [
        migrations.AddField(
            model_name="charge",
            name="checkout_expires_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="charge",
            name="checkout_session",
            field=models.CharField(blank=True, db_default="", max_length=255),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("checkout_expires_at__isnull", True), ("checkout_session", "")),
                    models.Q(("checkout_expires_at__isnull", False), ("invoice__isnull", False)),
                    _connector="OR",
                ),
                name="billing_charge_checkout",
            ),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.UniqueConstraint(
                condition=models.Q(("checkout_expires_at__isnull", False), ("status", "pending")),
                fields=("company", "mode", "invoice"),
                name="billing_charge_one_checkout",
            ),
        ),
        migrations.RunSQL(
            (SQL / "checkouts.sql").read_text(), functions_of(SQL / "after_issue.sql", "billing_guard_charge")
        ),
        refuse_while(
            "SELECT count(*) FROM billing_charge WHERE checkout_expires_at IS NOT NULL AND status = 'pending'",
            what="payments that payers are making now, which the release before would not ask about",
        ),
    ]
