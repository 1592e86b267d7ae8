"""Credit notes, their lines, and the counters that number them.

A credit note credits part or all of a finalized invoice. It is final from the start: it can be voided, and otherwise only its
metadata can change. Triggers in `billing/sql` ensure that credit notes never exceed the invoice, per line, per tax rate and in
total.
"""

from django.db import models
from django.db.models import F, Q

from billing.models.charges import Refund
from billing.models.invoices import Invoice, InvoiceLine
from billing.money import MAX_AMOUNT, QUANTITY_DECIMALS
from core import clock
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel


class CreditNoteStatus(models.TextChoices):
    """issued → void."""

    ISSUED = "issued", "Issued"
    VOID = "void", "Void"


class CreditNoteReason(models.TextChoices):
    """The reason for correcting the invoice; "" if none was given."""

    DUPLICATE = "duplicate", "Duplicate"
    FRAUDULENT = "fraudulent", "Fraudulent"
    ORDER_CHANGE = "order_change", "The order was changed"
    PRODUCT_UNSATISFACTORY = "product_unsatisfactory", "Something was not as it should be"
    OTHER = "other", "Other"


class CreditNote(TenantModel):
    """A credit of an invoice. `pre_payment_amount` reduces the amount due, `post_payment_amount` had already been paid."""

    id_prefix = "cn"
    Status = CreditNoteStatus
    Reason = CreditNoteReason

    invoice = TenantForeignKey(Invoice, on_delete=models.PROTECT, related_name="credit_notes", db_index=False)
    # The refund that created this credit note, if any.
    refund = TenantForeignKey(
        Refund, on_delete=models.PROTECT, related_name="credit_notes", null=True, db_index=False
    )
    status = models.CharField(max_length=8, choices=CreditNoteStatus, default=CreditNoteStatus.ISSUED)
    sequence = models.BigIntegerField()
    number = models.CharField(max_length=40)
    reason = models.CharField(max_length=32, choices=CreditNoteReason, blank=True)
    memo = models.CharField(max_length=1000, blank=True)
    metadata = models.JSONField(default=dict)
    # As of the time of issue, as on an invoice.
    seller = models.JSONField()
    billed_to = models.JSONField()
    # Why a live credit note would have been refused, as on an invoice.
    warnings = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    subtotal = models.BigIntegerField()
    tax = models.BigIntegerField()
    total = models.BigIntegerField()
    pre_payment_amount = models.BigIntegerField()
    post_payment_amount = models.BigIntegerField()
    voided_at = models.DateTimeField(null=True)
    void_reason = models.CharField(max_length=300, blank=True)
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(name="billing_creditnote_invoice", fields="invoice", to="billing.Invoice"),
            CompositeForeignKey(name="billing_creditnote_refund", fields="refund", to="billing.Refund"),
            models.UniqueConstraint(
                fields=["company", "mode", "sequence"], name="billing_creditnote_sequence"
            ),
            models.UniqueConstraint(fields=["company", "mode", "number"], name="billing_creditnote_number"),
            models.UniqueConstraint(
                fields=["company", "mode", "refund"], name="billing_creditnote_of_refund"
            ),
            models.CheckConstraint(
                condition=Q(reason__in=["", *CreditNoteReason.values]), name="billing_creditnote_reason"
            ),
            models.CheckConstraint(
                condition=Q(total=F("subtotal") + F("tax"))
                & Q(total=F("pre_payment_amount") + F("post_payment_amount"))
                & Q(subtotal__gte=0, tax__gte=0, pre_payment_amount__gte=0, post_payment_amount__gte=0)
                & Q(total__gte=1, total__lte=MAX_AMOUNT),
                name="billing_creditnote_amounts",
            ),
            models.CheckConstraint(
                condition=Q(status="issued", voided_at__isnull=True, void_reason="")
                | Q(status="void", voided_at__isnull=False),
                name="billing_creditnote_void",
            ),
        ]
        indexes = [
            tenant_index(name="billing_creditnote_newest"),
            tenant_index("invoice", name="billing_creditnote_by_invoice"),
            tenant_index("status", name="billing_creditnote_by_status"),
        ]

    def __str__(self) -> str:
        return self.number


class CreditNoteLine(TenantModel):
    """The credit for one line of the invoice: `amount` includes tax if the invoice's prices do."""

    id_prefix = "cnl"

    credit_note = TenantForeignKey(CreditNote, on_delete=models.PROTECT, related_name="lines", db_index=False)
    invoice_line = TenantForeignKey(
        InvoiceLine, on_delete=models.PROTECT, related_name="credits", db_index=False
    )
    position = models.PositiveSmallIntegerField()
    quantity = models.DecimalField(max_digits=13, decimal_places=QUANTITY_DECIMALS, null=True)
    amount = models.BigIntegerField()
    tax = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="billing_creditnoteline_note", fields="credit_note", to="billing.CreditNote"
            ),
            CompositeForeignKey(
                name="billing_creditnoteline_line", fields="invoice_line", to="billing.InvoiceLine"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "credit_note", "invoice_line"], name="billing_creditnoteline_once"
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0, amount__lte=MAX_AMOUNT, tax__gte=0)
                & (Q(quantity__isnull=True) | Q(quantity__gt=0)),
                name="billing_creditnoteline_ranges",
            ),
        ]
        indexes = [
            models.Index(fields=["company", "mode", "invoice_line"], name="billing_creditnoteline_of_line"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.invoice_line_id}"


class CreditNoteCounter(TenantModel):
    """The last credit note number of a company and mode, like the counter of invoices."""

    last_number = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["company", "mode"], name="billing_creditnotecounter_once"),
            models.CheckConstraint(
                condition=Q(last_number__gte=0), name="billing_creditnotecounter_positive"
            ),
        ]

    def __str__(self) -> str:
        return str(self.last_number)
