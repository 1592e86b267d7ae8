"""Hold what may happen to an issued invoice: payments past the gateway, credit notes, refunds, and taking each back."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_after_issue")]

    operations = [
        migrations.RunSQL((SQL / "after_issue.sql").read_text(), (SQL / "after_issue_undo.sql").read_text()),
    ]
