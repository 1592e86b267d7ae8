"""Background work of billing."""

from billing import services
from core import clock
from core.background.jobs import system_task


@system_task(name="billing.complete_payments")
def complete_payments() -> None:
    """Put what is due to the gateway: sent after each charge and refund, and every few seconds by beat."""
    services.complete_payments()


@system_task(name="billing.detect_overdue")
def detect_overdue() -> None:
    """Say of which invoices the day has passed on which they were due: every ten minutes by beat."""
    services.detect_overdue(now=clock.now())
