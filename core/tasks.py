"""The kernel's background tasks."""

from core import clock
from core.api import idempotency
from core.background import set_aside
from core.background.jobs import system_task
from core.mail.delivery import send_queued_mail
from core.operations import sessions


@system_task(name="core.prune_idempotency_keys")
def prune_idempotency_keys() -> int:
    """Delete expired stored responses. Return how many."""
    return idempotency.prune_expired(now=clock.now())


@system_task(name="core.send_mail", expires=60)
def send_mail() -> int:
    """Send due emails. Return how many the mail server accepted."""
    return send_queued_mail()


@system_task(name="core.prune_set_aside")
def prune_set_aside() -> int:
    """Delete old records of rows that were set aside and have not failed since. Return how many."""
    return set_aside.prune()


@system_task(name="core.prune_sessions")
def prune_sessions() -> int:
    """Delete expired sessions. Return how many."""
    return sessions.prune_ended(now=clock.now())
