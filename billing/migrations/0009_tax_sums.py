"""Let the trigger that compares sums know discounts, included tax, and tax that is rounded for each rate."""

from pathlib import Path

from django.db import migrations

from core.postgres.sql_files import functions_of

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("billing", "0008_tax_per_rate")]

    operations = [
        migrations.RunSQL(
            (SQL / "tax_per_rate.sql").read_text(),
            functions_of(SQL / "invariants.sql", "billing_check_invoice_sums"),
        ),
    ]
