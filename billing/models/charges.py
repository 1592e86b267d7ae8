"""Charges and refunds: orders to a payment gateway, and their outcomes.

A row is written before the gateway is called and settled afterwards, so that it can be resumed after any failure: `due_at` is when
the completer processes it (next), and a lease while it does.
"""

from django.db import models
from django.db.models import F, Q

from billing.money import MAX_AMOUNT
from core import clock
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel


class PaymentStatus(models.TextChoices):
    """pending → succeeded | failed."""

    PENDING = "pending", "Pending"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"


class RefundReason(models.TextChoices):
    """The reason for a refund; "" if none was given."""

    DUPLICATE = "duplicate", "Duplicate"
    FRAUDULENT = "fraudulent", "Fraudulent"
    REQUESTED_BY_CUSTOMER = "requested_by_customer", "Requested by the customer"
    OTHER = "other", "Other"


# The `payment_method` of a charge that the payer makes on the gateway's own page.
CHECKOUT = "checkout"
# What pages call the methods that are not somebody's own: those of the sandbox.
METHOD_LABELS = {
    "card_success": "Test card: succeeds",
    "card_declined": "Test card: declined",
    "card_insufficient_funds": "Test card: insufficient funds",
    "card_timeout_success": "Test card: succeeds after a time-out",
    "card_timeout_unknown": "Test card: never answers",
    CHECKOUT: "Paid on the gateway's page",
}


class Payment(TenantModel):
    """The fields that charges and refunds share."""

    amount = models.BigIntegerField()
    status = models.CharField(max_length=16, choices=PaymentStatus, default=PaymentStatus.PENDING)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_message = models.CharField(max_length=300, blank=True)
    gateway = models.CharField(max_length=32)
    gateway_reference = models.CharField(max_length=255, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, default=clock.now)
    settled_at = models.DateTimeField(null=True)
    updated = models.DateTimeField(default=clock.now)

    Status = PaymentStatus

    class Meta(TenantModel.Meta):
        abstract = True
        constraints = [
            *TenantModel.Meta.constraints,
            models.CheckConstraint(
                condition=Q(status__in=PaymentStatus.values), name="%(app_label)s_%(class)s_status"
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=1, amount__lte=MAX_AMOUNT), name="%(app_label)s_%(class)s_amount"
            ),
            models.CheckConstraint(
                condition=Q(status="pending", due_at__isnull=False, settled_at__isnull=True)
                | (~Q(status="pending") & Q(due_at__isnull=True, settled_at__isnull=False)),
                name="%(app_label)s_%(class)s_settled",
            ),
            models.CheckConstraint(
                condition=(Q(status="failed") & ~Q(failure_code=""))
                | (~Q(status="failed") & Q(failure_code="", failure_message="")),
                name="%(app_label)s_%(class)s_failure",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.status}"

    @property
    def gateway_key(self) -> str:
        """Our own idempotency key for the gateway: the same at every attempt, never the caller's."""
        return f"pomelo-{self.mode}-{self.public_id}"


class Charge(Payment):
    """A payment collected with or without an invoice."""

    id_prefix = "ch"

    customer = TenantForeignKey(
        "billing.Customer", on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )
    invoice = TenantForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="charges", null=True, db_index=False
    )
    currency = models.CharField(max_length=3)
    payment_method = models.CharField(max_length=64)
    metadata = models.JSONField(default=dict)
    amount_refunded = models.BigIntegerField(default=0)
    amount_refund_pending = models.BigIntegerField(default=0)
    # For a charge on the gateway's own page: when it expires, and the gateway's ID of that page.
    checkout_expires_at = models.DateTimeField(null=True)
    checkout_session = models.CharField(max_length=255, blank=True, db_default="")

    class Meta(Payment.Meta):
        constraints = [
            *Payment.Meta.constraints,
            CompositeForeignKey(name="billing_charge_customer", fields="customer", to="billing.Customer"),
            CompositeForeignKey(name="billing_charge_invoice", fields="invoice", to="billing.Invoice"),
            models.CheckConstraint(
                condition=Q(amount_refunded__gte=0, amount_refund_pending__gte=0)
                & Q(amount__gte=F("amount_refunded") + F("amount_refund_pending")),
                name="billing_charge_never_overrefunded",
            ),
            models.CheckConstraint(
                condition=Q(status="succeeded") | Q(amount_refunded=0, amount_refund_pending=0),
                name="billing_charge_refunds_need_success",
            ),
            models.CheckConstraint(
                condition=Q(checkout_expires_at__isnull=True, checkout_session="")
                | Q(checkout_expires_at__isnull=False, invoice__isnull=False),
                name="billing_charge_checkout",
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "invoice"],
                condition=Q(status="pending", checkout_expires_at__isnull=False),
                name="billing_charge_one_checkout",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="billing_charge_due", condition=Q(status="pending")),
            tenant_index(name="billing_charge_newest"),
            tenant_index("invoice", name="billing_charge_by_invoice"),
            tenant_index("customer", name="billing_charge_by_customer"),
            tenant_index("status", name="billing_charge_by_status"),
            # By currency first, like invoices.
            tenant_index("currency", "amount", name="billing_charge_by_amount"),
            # The lookup for a gateway's report, before the company is known.
            models.Index(
                fields=["gateway_reference"],
                name="billing_charge_by_reference",
                condition=~Q(gateway_reference=""),
            ),
        ]

    @property
    def method_label(self) -> str:
        """What pages call the payment method; the method itself where it is the payer's own at the gateway."""
        return METHOD_LABELS.get(self.payment_method, self.payment_method)

    @property
    def amount_refundable(self) -> int:
        """The maximum amount of a new refund."""
        if self.status != PaymentStatus.SUCCEEDED:
            return 0
        return self.amount - self.amount_refunded - self.amount_refund_pending


class Refund(Payment):
    """Money returned from a charge."""

    id_prefix = "re"
    Reason = RefundReason

    charge = TenantForeignKey(Charge, on_delete=models.PROTECT, related_name="refunds", db_index=False)
    reason = models.CharField(max_length=32, choices=RefundReason, blank=True, db_default="")
    metadata = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))

    class Meta(Payment.Meta):
        constraints = [
            *Payment.Meta.constraints,
            CompositeForeignKey(name="billing_refund_charge", fields="charge", to="billing.Charge"),
            models.CheckConstraint(
                condition=Q(reason__in=["", *RefundReason.values]), name="billing_refund_reason"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="billing_refund_due", condition=Q(status="pending")),
            tenant_index(name="billing_refund_newest"),
            tenant_index("charge", name="billing_refund_by_charge"),
            tenant_index("status", name="billing_refund_by_status"),
        ]
