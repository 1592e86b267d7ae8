"""Let the trigger on invoices name what of a finalized one may change, so that every other column stays as it is."""

from pathlib import Path

from django.db import migrations

from core.postgres.going_back import refuse_while
from core.postgres.sql_files import functions_of

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_sellers")]

    operations = [
        migrations.RunSQL(
            (SQL / "immutable_by_default.sql").read_text(),
            functions_of(SQL / "invariants.sql", "billing_guard_invoice"),
        ),
        refuse_while(
            "SELECT count(*) FROM billing_invoice WHERE status <> 'draft' AND seller IS NOT NULL",
            what="issued invoices that say who sells, which nothing would tell any more",
        ),
    ]
