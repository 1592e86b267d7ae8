"""Compare only the sums that a write can have changed, and let a credit note be declared void whatever rounding leaves behind."""

from pathlib import Path

from django.db import migrations, models

from core.postgres.sql_files import functions_of

SQL = Path(__file__).resolve().parent.parent / "sql"
_REPLACED = ("billing_check_invoice_payments", "billing_check_invoice_sums")
_DROPPED = ("billing_check_credit_notes", "billing_check_issued_sums")


class Migration(migrations.Migration):
    dependencies = [("billing", "0011_after_issue_guards")]

    operations = [
        migrations.RunSQL(
            (SQL / "sums.sql").read_text(),
            "\n".join(
                (
                    functions_of(SQL / "after_issue.sql", *_REPLACED, *_DROPPED),
                    functions_of(SQL / "invariants.sql", "billing_check_sums"),
                    (SQL / "sums_undo.sql").read_text(),
                )
            ),
        ),
        migrations.AddField(
            model_name="creditnote",
            name="warnings",
            field=models.JSONField(default=list, db_default=models.Value([], models.JSONField())),
        ),
    ]
