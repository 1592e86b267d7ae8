"""Hold what may happen to an issued invoice: payments past the gateway, credit notes, refunds, and taking each back."""

from pathlib import Path

from django.db import migrations

from core.postgres.going_back import refuse_while
from core.postgres.sql_files import functions_of

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_after_issue")]

    operations = [
        migrations.RunSQL(
            (SQL / "after_issue.sql").read_text(),
            "\n".join(
                (
                    functions_of(SQL / "tax_per_rate.sql", "billing_check_invoice_sums"),
                    functions_of(SQL / "invariants.sql", "billing_guard_charge", "billing_guard_refund"),
                    functions_of(SQL / "immutable_by_default.sql", "billing_guard_invoice"),
                    (SQL / "after_issue_undo.sql").read_text(),
                )
            ),
        ),
        refuse_while(
            "SELECT (SELECT count(*) FROM billing_creditnote) + (SELECT count(*) FROM billing_offplatformpayment)",
            what="credit notes and payments past the gateway, which the invoices of the release before know nothing of",
        ),
    ]
