"""Bring what customers are found by in line with how it is compared now: words, emails, and NFC.

Going back needs nothing: the words of before are found by the code of before only where both fold alike, and are made anew
whenever a customer changes.
"""

from typing import Any

from django.db import migrations

from billing.search import split_words
from core.values import ids
from core.values.email_addresses import InvalidEmail, parse_email

BATCH = 1_000
# What is there twice under one spelling stays as it is: both rows are somebody's.
NORMALIZE = """
UPDATE billing_customer SET name = normalize(name, NFC) WHERE name IS NOT NFC NORMALIZED;
UPDATE billing_customer t SET external_id = normalize(external_id, NFC)
WHERE external_id IS NOT NFC NORMALIZED AND 1 = (
    SELECT count(*) FROM billing_customer o
    WHERE o.company_id = t.company_id AND o.mode = t.mode
      AND normalize(o.external_id, NFC) = normalize(t.external_id, NFC));
"""
READ = """
SELECT id, company_id, mode, name, email, phone, coalesce(external_id, '')
FROM billing_customer WHERE deleted_at IS NULL AND id > %s ORDER BY id LIMIT %s
"""


def bring_in_line(apps: Any, schema_editor: Any) -> None:
    """Go through every customer once."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(NORMALIZE)
        last = "00000000-0000-0000-0000-000000000000"
        while True:
            cursor.execute(READ, [last, BATCH])
            rows = cursor.fetchall()
            for row in rows:
                _renew(cursor, *row)
            if len(rows) < BATCH:
                return
            last = rows[-1][0]


def _renew(cursor: Any, id: Any, company: Any, mode: str, name: str, email: str, *others: str) -> None:
    if not email.isascii():
        try:
            email = parse_email(email)
        except InvalidEmail:
            pass  # writing to it says so
        else:
            cursor.execute(
                "UPDATE billing_customer SET email = %s, email_normalized = lower(%s) WHERE id = %s", [email, email, id]
            )
    wanted = split_words(name, email, *others)
    cursor.execute("SELECT word FROM billing_customersearchword WHERE customer_id = %s", [id])
    there = {word for (word,) in cursor.fetchall()}
    if there - wanted:
        cursor.execute(
            "DELETE FROM billing_customersearchword WHERE customer_id = %s AND word = ANY(%s)", [id, list(there - wanted)]
        )
    if wanted - there:
        cursor.executemany(
            "INSERT INTO billing_customersearchword (id, company_id, mode, created, customer_id, word) "
            "VALUES (%s, %s, %s, now(), %s, %s)",
            [[ids.new_id(), company, mode, id, word] for word in sorted(wanted - there)],
        )


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_staff_permissions")]

    operations = [migrations.RunPython(bring_in_line, migrations.RunPython.noop)]
