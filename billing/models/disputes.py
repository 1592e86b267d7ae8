"""Disputes: a payer asks their bank to return the money of a charge, and the bank decides. The gateway reports them; nothing is
decided here.
"""

from django.db import models
from django.db.models import Q

from billing.models.charges import Charge
from billing.money import MAX_AMOUNT
from core import clock
from core.postgres.constraints import CompositeForeignKey
from core.tenancy import TenantForeignKey, TenantModel


class DisputeStatus(models.TextChoices):
    """needs_response ↔ under_review → won | lost | closed; an appeal reopens it."""

    NEEDS_RESPONSE = "needs_response", "Needs an answer"
    UNDER_REVIEW = "under_review", "Under review"
    WON = "won", "Won"
    LOST = "lost", "Lost"
    CLOSED = "closed", "Closed"


# Final statuses, in which nobody has to respond.
ENDED = (DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.CLOSED)


class Dispute(TenantModel):
    """A dispute, as last reported by the gateway (`reported_at`, on the gateway's clock)."""

    id_prefix = "dp"
    Status = DisputeStatus

    charge = TenantForeignKey(Charge, on_delete=models.PROTECT, related_name="disputes", db_index=False)
    gateway_reference = models.CharField(max_length=255)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=DisputeStatus)
    response_due_at = models.DateTimeField(null=True)
    reported_at = models.DateTimeField()
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(name="billing_dispute_charge", fields="charge", to="billing.Charge"),
            models.UniqueConstraint(
                fields=["company", "mode", "charge", "gateway_reference"], name="billing_dispute_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=DisputeStatus.values), name="billing_dispute_status"
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0, amount__lte=MAX_AMOUNT), name="billing_dispute_amount"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.status}"
