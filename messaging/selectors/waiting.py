"""How long the oldest due message has been waiting for a worker."""

from collections.abc import Iterator

from django.db import connection

from core.background.watch import Reading
from core.tenancy import system_context

# A due message is claimed within seconds; after this long, too few workers are sending, or none.
LIMIT_SECONDS = 300.0
# A loose index scan: one step per company with unfinished messages, whatever the length of the queues. Suspended companies keep
# theirs.
_OLDEST = """
    WITH RECURSIVE waiting AS (
        (SELECT company_id, due_at FROM messaging_message WHERE due_at IS NOT NULL ORDER BY company_id, due_at LIMIT 1)
        UNION ALL
        SELECT later.company_id, later.due_at FROM waiting CROSS JOIN LATERAL (
            SELECT m.company_id, m.due_at FROM messaging_message m
            WHERE m.due_at IS NOT NULL AND m.company_id > waiting.company_id ORDER BY m.company_id, m.due_at LIMIT 1
        ) later
    )
    SELECT coalesce(extract(epoch FROM max(statement_timestamp() - w.due_at)), 0)
    FROM waiting w JOIN accounts_company c ON c.id = w.company_id WHERE c.suspended_at IS NULL
"""


def read_oldest_message() -> Iterator[Reading]:
    """Yield how long the oldest due message has been waiting; one being sent is due again when its lease expires."""
    with system_context(reason="oldest due message"), connection.cursor() as cursor:
        cursor.execute(_OLDEST)
        [waited] = cursor.fetchone()
    yield Reading(
        "due_message", "Oldest message that is due and not sent", max(float(waited), 0.0), LIMIT_SECONDS
    )
