"""Background work of billing."""

from billing import services
from core import clock
from core.background.jobs import system_task


@system_task(name="billing.complete_payments")
def complete_payments() -> None:
    """Submit due payments to the gateway: sent after each charge and refund, and every few seconds by beat."""
    services.complete_payments()


@system_task(name="billing.detect_overdue")
def detect_overdue() -> None:
    """Publish events for invoices whose due date has passed: every ten minutes by beat."""
    services.detect_overdue(now=clock.now())
