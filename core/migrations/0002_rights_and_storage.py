"""What models cannot state of core's tables: rows of nobody's company, who sees long transactions, and when to vacuum."""

from pathlib import Path

from django.db import migrations

from core.postgres.vacuum import vacuum_sooner

SQL = Path(__file__).resolve().parent.parent / "sql"

# What batches set aside is of every company, so the table is for the role `system` alone. Of our own mail, in which codes and
# links that let people in are, `app` adds rows and sees none.
RIGHTS = """
REVOKE ALL ON core_setaside, core_outgoingmail FROM app;
GRANT INSERT ON core_outgoingmail TO app;
ALTER TABLE core_setaside ENABLE ROW LEVEL SECURITY;
ALTER TABLE core_outgoingmail ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON core_setaside TO system USING (true) WITH CHECK (true);
CREATE POLICY queue ON core_outgoingmail FOR INSERT TO app WITH CHECK (true);
CREATE POLICY system ON core_outgoingmail TO system USING (true) WITH CHECK (true);
-- The relay takes the counter of positions on when it was set back (webhooks.relay).
GRANT UPDATE ON SEQUENCE core_event_position TO system;
"""
DEFAULT_RIGHTS = """
REVOKE UPDATE ON SEQUENCE core_event_position FROM system;
DROP POLICY system ON core_outgoingmail;
DROP POLICY queue ON core_outgoingmail;
DROP POLICY system ON core_setaside;
ALTER TABLE core_outgoingmail DISABLE ROW LEVEL SECURITY;
ALTER TABLE core_setaside DISABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON core_setaside, core_outgoingmail TO app;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [
        migrations.RunSQL(RIGHTS, DEFAULT_RIGHTS),
        migrations.RunSQL((SQL / "long_transactions.sql").read_text(), "DROP FUNCTION core_long_transactions(interval);"),
        # A claim reads its index from the oldest entry on: each dead one before the first that waits is passed again by every
        # claim. Outbox rows are changed once, stored answers live for a day.
        *vacuum_sooner("core_outboxevent", "core_idempotencyrecord", "core_outgoingmail"),
    ]
