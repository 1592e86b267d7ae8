"""Count against the cap of a day in shares; vacuum messages and their recipients early, and leave counters room to grow."""

from pathlib import Path

from django.db import migrations

from core.postgres.vacuum import leave_room, vacuum_sooner

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "\n".join((SQL / f"{name}.sql").read_text() for name in ("counted_recipients", "count_recipients")),
            "DROP FUNCTION messaging_count_recipients, messaging_counted_recipients;",
        ),
        # Claims read the index from its oldest entry on.
        *vacuum_sooner(
            "messaging_message",
            "messaging_recipient",
            "messaging_messagestat",
            "messaging_dailyusage",
            "messaging_dailyshare",
        ),
        *leave_room("messaging_dailyusage", "messaging_dailyshare"),
    ]
