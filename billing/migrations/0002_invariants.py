"""What must hold between the rows of billing: triggers, which models cannot state."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [
        migrations.RunSQL(
            (SQL / "invariants.sql").read_text(), (SQL / "invariants_undo.sql").read_text()
        ),
    ]
