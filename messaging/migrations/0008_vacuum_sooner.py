"""Vacuum messages and their recipients early, since claims read the index from its oldest entry on; leave counters room to grow."""

from django.db import migrations

from core.postgres.vacuum import leave_room, vacuum_sooner


class Migration(migrations.Migration):
    dependencies = [("messaging", "0007_daily_shares")]

    operations = [
        *vacuum_sooner(
            "messaging_message",
            "messaging_recipient",
            "messaging_messagestat",
            "messaging_dailyusage",
            "messaging_dailyshare",
        ),
        *leave_room("messaging_dailyusage", "messaging_dailyshare"),
    ]
