"""Vacuum tables whose rows come, change and go all the time long before a fifth of them is dead.

A claim reads its index from the oldest entry on: each dead one before the first that waits is passed again by every claim. Outbox rows
are changed once, stored answers live for a day.
"""

from django.db import migrations

from core.postgres.vacuum import vacuum_sooner


class Migration(migrations.Migration):
    dependencies = [("core", "0007_traces")]

    operations = vacuum_sooner("core_outboxevent", "core_idempotencyrecord", "core_outgoingmail")
