"""Let the trigger that compares sums know discounts, included tax, and tax that is rounded for each rate."""

from pathlib import Path

from django.db import migrations

from core.postgres.going_back import refuse_while
from core.postgres.sql_files import functions_of

SQL = Path(__file__).resolve().parent.parent / "sql"

# What the tables and constraints of billing 0001 cannot hold as it is.
NEWER = """
SELECT count(*) FROM billing_invoice i
WHERE i.prices_include_tax OR i.discount_amount > 0 OR i.tax_exempt <> 'none'
   OR (i.status <> 'draft' AND ((i.memo, i.purchase_order, i.tax_note) <> ('', '', '') OR i.service_start IS NOT NULL))
   OR EXISTS (
       SELECT FROM billing_invoiceline l
       WHERE l.company_id = i.company_id AND l.mode = i.mode AND l.invoice_id = i.id
         AND (l.quantity <> trunc(l.quantity) OR l.tax <> (l.amount * l.tax_rate_bps + 5000) / 10000))
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0008_tax_per_rate")]

    operations = [
        migrations.RunSQL(
            (SQL / "tax_per_rate.sql").read_text(),
            functions_of(SQL / "invariants.sql", "billing_check_invoice_sums"),
        ),
        refuse_while(
            NEWER, what="invoices with parts of a unit, a discount, an exemption, a note or tax by the rate, which would say something else"
        ),
    ]
