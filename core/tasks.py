"""The kernel's own background work."""

from core import clock
from core.api import idempotency
from core.jobs import system_task


@system_task(name="core.prune_idempotency_keys")
def prune_idempotency_keys() -> int:
    """Delete the stored answers whose 24 hours are over; return how many."""
    return idempotency.prune_expired(now=clock.now())
