"""What must hold between the rows of billing, which models cannot state; and the three tiers as they come, which staff may change."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"
FUNCTIONS = (
    "guard_invoice",
    "guard_line",
    "guard_counter",
    "guard_charge",
    "guard_refund",
    "guard_issued",
    "guard_credit_note_line",
    "guard_credit_note_number",
    "note_refunded",
    "check_invoice_sums",
    "check_invoice_payments",
    "check_invoice_credits",
    "check_charge_sums",
    "check_credit_note_sums",
    "check_line_credits",
    "check_sums",
)

# tier, requests and calls to send a minute, emails and SMS a day, what SMS may cost a day (about one unit of the currency for each),
# webhook endpoints
SEED = """
INSERT INTO billing_tierlimits
    (tier, requests_per_minute, messages_per_minute, email_per_day, sms_per_day, sms_spend_per_day, webhook_endpoints, updated)
VALUES
    ('starter', 60, 10, 200, 50, 50, 5, now()),
    ('pro', 300, 60, 5000, 1000, 1000, 20, now()),
    ('enterprise', 1000, 200, 100000, 20000, 20000, 100, now());
"""
# The tiers are the same for every company, so there is no policy to hold them: nobody but staff's work writes them.
RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON billing_tierlimits FROM app;
REVOKE INSERT, DELETE ON billing_tierlimits FROM system;
"""
DEFAULT_RIGHTS = "GRANT SELECT, INSERT, UPDATE, DELETE ON billing_tierlimits TO app, system;"


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "\n".join((SQL / f"{name}.sql").read_text() for name in (*FUNCTIONS, "triggers")),
            # CASCADE: and their triggers.
            f"DROP FUNCTION {', '.join(f'billing_{name}' for name in FUNCTIONS)} CASCADE;",
        ),
        migrations.RunSQL(SEED, "DELETE FROM billing_tierlimits;"),
        migrations.RunSQL(RIGHTS, DEFAULT_RIGHTS),
    ]
