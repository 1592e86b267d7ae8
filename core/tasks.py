"""The kernel's own background work."""

from core import clock
from core.api import idempotency
from core.background import set_aside
from core.background.jobs import system_task
from core.mail.delivery import send_queued_mail
from core.operations import sessions


@system_task(name="core.prune_idempotency_keys")
def prune_idempotency_keys() -> int:
    """Delete the stored answers whose 24 hours are over; return how many."""
    return idempotency.prune_expired(now=clock.now())


@system_task(name="core.send_mail", expires=60)
def send_mail() -> int:
    """Send the mails that are due; return how many the mail server took."""
    return send_queued_mail()


@system_task(name="core.prune_set_aside")
def prune_set_aside() -> int:
    """Forget what batches set aside long ago and nobody has met since; return how many."""
    return set_aside.prune()


@system_task(name="core.prune_sessions")
def prune_sessions() -> int:
    """Delete the sessions that have ended; return how many."""
    return sessions.prune_ended(now=clock.now())
