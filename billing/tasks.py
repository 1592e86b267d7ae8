"""Background work of billing."""

from billing import services
from core.jobs import system_task


@system_task(name="billing.complete_payments")
def complete_payments() -> None:
    """Put what is due to the gateway: sent after each charge and refund, and every few seconds by beat."""
    services.complete_payments()
