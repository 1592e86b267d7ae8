"""How long sessions are kept: until they end. Django leaves ended ones where they are; every visitor of the sign-in page makes one."""

from datetime import datetime

from django.db import connection

from core.tenancy import system_context

STEP = 5_000
_DELETE = """
DELETE FROM django_session WHERE session_key IN (
    SELECT session_key FROM django_session WHERE expire_date <= %s ORDER BY expire_date LIMIT %s
)
"""


def prune_ended(*, now: datetime, max_steps: int = 200) -> int:
    """Delete the sessions that ended before `now`, STEP in a transaction, at most `max_steps` of them; return how many."""
    removed = 0
    for _ in range(max_steps):
        with system_context(reason="sessions that have ended"), connection.cursor() as cursor:
            cursor.execute(_DELETE, [now, STEP])
            count = cursor.rowcount
        removed += count
        if count < STEP:
            break
    return removed
