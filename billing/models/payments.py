"""Payments for an invoice received outside the gateway, such as transfers and cash. Recorded by people, and undone with a reason."""

from django.db import models
from django.db.models import Q

from billing.models.invoices import Invoice
from billing.money import MAX_AMOUNT
from core import clock
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel


class PaymentMethod(models.TextChoices):
    """How the payment was made."""

    BANK_TRANSFER = "bank_transfer", "Bank transfer"
    CASH = "cash", "Cash"
    OTHER = "other", "Other"


class OffPlatformPayment(TenantModel):
    """A payment as recorded by the company. It counts from when it is recorded until it is undone."""

    id_prefix = "pay"
    Methods = PaymentMethod

    invoice = TenantForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments", db_index=False)
    method = models.CharField(max_length=16, choices=PaymentMethod)
    amount = models.BigIntegerField()
    paid_at = models.DateTimeField()
    reference = models.CharField(max_length=140, blank=True)
    metadata = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True)
    undo_reason = models.CharField(max_length=300, blank=True)
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        verbose_name = "off-platform payment"
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="billing_offplatformpayment_invoice", fields="invoice", to="billing.Invoice"
            ),
            models.CheckConstraint(
                condition=Q(method__in=PaymentMethod.values), name="billing_offplatformpayment_method"
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=1, amount__lte=MAX_AMOUNT), name="billing_offplatformpayment_amount"
            ),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True, undo_reason="")
                | (Q(undone_at__isnull=False) & ~Q(undo_reason="")),
                name="billing_offplatformpayment_undone",
            ),
        ]
        indexes = [
            tenant_index(name="billing_offplatform_newest"),
            tenant_index("invoice", name="billing_offplatform_by_invoice"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} by {self.get_method_display().lower()}"
