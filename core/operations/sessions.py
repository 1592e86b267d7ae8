"""Prunes expired sessions. Django never deletes them, and every visitor of the sign-in page creates one.

allauth's record of the device (address, browser) is deleted with the session.
"""

from datetime import datetime

from core.background import pruning

STEP = 5_000
_DELETE = """
DELETE FROM django_session WHERE session_key IN (
    SELECT session_key FROM django_session WHERE expire_date <= %(now)s ORDER BY expire_date LIMIT %(step)s
)
"""
_DELETE_DEVICES = """
DELETE FROM usersessions_usersession WHERE id IN (
    SELECT id FROM usersessions_usersession AS device
    WHERE NOT EXISTS (SELECT FROM django_session WHERE session_key = device.session_key) LIMIT %(step)s
)
"""


def prune_ended(*, now: datetime, max_steps: int = 200) -> int:
    """Delete sessions that expired before `now`, in at most `max_steps` transactions of STEP. Return how many."""
    ended = pruning.in_steps(
        "django_session",
        _DELETE,
        {"now": now},
        reason="sessions that have ended",
        max_steps=max_steps,
        step=STEP,
    )
    pruning.in_steps(
        "usersessions_usersession",
        _DELETE_DEVICES,
        {},
        reason="devices whose session has ended",
        max_steps=max_steps,
        step=STEP,
    )
    return ended
