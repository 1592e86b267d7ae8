"""Invoices, their lines, and the counters that number them.

The database enforces the rules: check constraints here for the arithmetic; triggers in `billing/sql` ensure that totals equal the
sums of lines, charges and credit notes, that a finalized invoice never changes, and that numbers have no gaps.
"""

from datetime import date

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Cast, Round

from billing.models.customers import TaxExemption
from billing.money import MAX_AMOUNT, MAX_DISCOUNT_BPS, MAX_QUANTITY, MAX_TAX_RATE_BPS, QUANTITY_DECIMALS
from core import clock
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel


class InvoiceStatus(models.TextChoices):
    """draft → open → paid | void | uncollectible; from paid back to open when a payment is undone or a credit note voided."""

    DRAFT = "draft", "Draft"
    OPEN = "open", "Open"
    PAID = "paid", "Paid"
    VOID = "void", "Void"
    UNCOLLECTIBLE = "uncollectible", "Uncollectible"


class Invoice(TenantModel):
    """An invoice. Editable as a draft; once finalized, only its payment, status and metadata change."""

    id_prefix = "in"
    Status = InvoiceStatus

    customer = TenantForeignKey(
        "billing.Customer", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    status = models.CharField(max_length=16, choices=InvoiceStatus, default=InvoiceStatus.DRAFT)
    sequence = models.BigIntegerField(null=True)
    number = models.CharField(max_length=32, null=True)  # noqa: DJ001  a draft has none, and NULL repeats in a unique key
    currency = models.CharField(max_length=3)
    due_date = models.DateField(null=True)
    external_id = models.CharField(max_length=100, null=True)  # noqa: DJ001  as above
    metadata = models.JSONField(default=dict)
    # The seller and the customer as of finalization, because later changes must not alter the document.
    seller = models.JSONField(null=True)
    billed_to = models.JSONField(null=True)
    # Why a live invoice would have been refused: only test invoices can have any.
    warnings = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    purchase_order = models.CharField(max_length=100, blank=True, db_default="")
    memo = models.CharField(max_length=1000, blank=True, db_default="")
    service_start = models.DateField(null=True)
    service_end = models.DateField(null=True)
    # The customer's tax status when the lines were last priced; `tax_note` is the text on why there is no tax.
    tax_exempt = models.CharField(
        max_length=8, choices=TaxExemption, default=TaxExemption.NONE, db_default="none"
    )
    tax_note = models.CharField(max_length=300, blank=True, db_default="")
    prices_include_tax = models.BooleanField(default=False, db_default=False)
    # False for invoices from before tax was rounded per rate, which keep their amounts.
    tax_per_rate = models.BooleanField(default=True, db_default=False, editable=False)
    discount_bps = models.IntegerField(null=True)
    discount_amount = models.BigIntegerField(default=0, db_default=0)
    subtotal = models.BigIntegerField(default=0)
    tax = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    amount_paid = models.BigIntegerField(default=0)
    amount_pending = models.BigIntegerField(default=0)  # of charges without a response from the gateway
    # Refunded from its charges; maintained by a trigger on charges.
    amount_refunded = models.BigIntegerField(default=0, db_default=0, editable=False)
    # Of credit notes that are not void: the part that reduces the amount due, and the part that had been paid.
    pre_payment_credit = models.BigIntegerField(default=0, db_default=0)
    post_payment_credit = models.BigIntegerField(default=0, db_default=0)
    finalized_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)
    marked_uncollectible_at = models.DateTimeField(null=True)
    # When the overdue event was published, which happens once.
    overdue_at = models.DateTimeField(null=True)
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(name="billing_invoice_customer", fields="customer", to="billing.Customer"),
            models.UniqueConstraint(
                fields=["company", "mode", "external_id"], name="billing_invoice_external_id"
            ),
            models.UniqueConstraint(fields=["company", "mode", "sequence"], name="billing_invoice_sequence"),
            models.UniqueConstraint(fields=["company", "mode", "number"], name="billing_invoice_number"),
            models.CheckConstraint(
                condition=Q(status__in=InvoiceStatus.values), name="billing_invoice_status"
            ),
            models.CheckConstraint(
                condition=Q(total=F("subtotal") + F("tax"))
                & Q(subtotal__gte=0, tax__gte=0, total__lte=MAX_AMOUNT),
                name="billing_invoice_amounts",
            ),
            models.CheckConstraint(
                condition=Q(discount_amount__gte=0)
                & (Q(discount_bps__isnull=True) | Q(discount_bps__range=(0, MAX_DISCOUNT_BPS)))
                & Q(tax_exempt__in=TaxExemption.values),
                name="billing_invoice_discount",
            ),
            models.CheckConstraint(
                condition=Q(service_start__isnull=True, service_end__isnull=True)
                | Q(service_start__lte=F("service_end")),
                name="billing_invoice_service_period",
            ),
            models.CheckConstraint(
                condition=Q(amount_paid__gte=0, amount_pending__gte=0, pre_payment_credit__gte=0)
                & Q(total__gte=F("amount_paid") + F("amount_pending") + F("pre_payment_credit")),
                name="billing_invoice_never_overpaid",
            ),
            models.CheckConstraint(
                condition=Q(amount_refunded__gte=0, post_payment_credit__gte=0)
                & Q(amount_paid__gte=F("amount_refunded"))
                & Q(amount_paid__gte=F("post_payment_credit")),
                name="billing_invoice_given_back",
            ),
            models.CheckConstraint(
                condition=Q(
                    status="draft",
                    sequence__isnull=True,
                    number__isnull=True,
                    finalized_at__isnull=True,
                    amount_paid=0,
                    amount_pending=0,
                    pre_payment_credit=0,
                )
                | (
                    ~Q(status="draft")
                    & Q(sequence__isnull=False, number__isnull=False, finalized_at__isnull=False)
                ),
                name="billing_invoice_draft_or_numbered",
            ),
            models.CheckConstraint(
                condition=Q(
                    status="paid", paid_at__isnull=False, total=F("amount_paid") + F("pre_payment_credit")
                )
                | (~Q(status="paid") & Q(paid_at__isnull=True)),
                name="billing_invoice_paid_in_full",
            ),
            models.CheckConstraint(
                condition=Q(
                    status="void",
                    voided_at__isnull=False,
                    amount_paid=0,
                    amount_pending=0,
                    pre_payment_credit=0,
                )
                | (~Q(status="void") & Q(voided_at__isnull=True)),
                name="billing_invoice_void_unpaid",
            ),
            models.CheckConstraint(
                condition=Q(status="uncollectible", marked_uncollectible_at__isnull=False, amount_pending=0)
                | (~Q(status="uncollectible") & Q(marked_uncollectible_at__isnull=True)),
                name="billing_invoice_uncollectible",
            ),
        ]
        indexes = [
            tenant_index(name="billing_invoice_newest"),
            tenant_index("status", name="billing_invoice_by_status"),
            tenant_index("customer", name="billing_invoice_by_customer"),
            tenant_index("due_date", name="billing_invoice_due"),
            # Amounts in different currencies are not comparable: a list sorted by amount is grouped by currency.
            tenant_index("currency", "total", name="billing_invoice_by_total"),
            # Read by the sweep for overdue invoices, across all companies.
            models.Index(
                fields=["due_date"],
                name="billing_invoice_overdue",
                condition=Q(status="open", overdue_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.number or f"draft {self.public_id}"

    @property
    def amount_due(self) -> int:
        """The amount still to be paid, in minor units; zero for a void invoice."""
        if self.status == InvoiceStatus.VOID:
            return 0
        return self.total - self.amount_paid - self.pre_payment_credit

    @property
    def amount_chargeable(self) -> int:
        """The maximum amount of a new charge: the amount due less pending charges."""
        return self.amount_due - self.amount_pending if self.status == InvoiceStatus.OPEN else 0

    @property
    def amount_creditable(self) -> int:
        """The maximum amount of a new credit note: what is due and not being charged, plus what was paid and not yet credited."""
        if self.status not in (InvoiceStatus.OPEN, InvoiceStatus.PAID):
            return 0
        return self.amount_chargeable + self.amount_paid - self.post_payment_credit

    def is_overdue(self, today: date) -> bool:
        """Whether it is still open after its due date."""
        return self.status == InvoiceStatus.OPEN and self.due_date is not None and self.due_date < today


# PostgreSQL rounds a numeric half away from zero, which is half up for non-negative amounts.
_BEFORE_DISCOUNT = Cast(
    Round(
        models.ExpressionWrapper(
            F("quantity") * F("unit_amount"),
            output_field=models.DecimalField(max_digits=40, decimal_places=6),
        )
    ),
    models.BigIntegerField(),
)


class InvoiceLine(TenantModel):
    """A line of an invoice."""

    id_prefix = "il"

    invoice = TenantForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines", db_index=False)
    position = models.PositiveSmallIntegerField()
    description = models.CharField(max_length=500)
    quantity = models.DecimalField(max_digits=13, decimal_places=QUANTITY_DECIMALS)
    unit_amount = models.BigIntegerField()
    tax_rate_bps = models.IntegerField(default=0)
    discount_bps = models.IntegerField(null=True)
    discount_amount = models.BigIntegerField(default=0)
    amount = models.BigIntegerField()
    # The line's share of the invoice discount, and of the tax rounded per rate.
    discount_share = models.BigIntegerField(default=0, db_default=0)
    tax = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(name="billing_invoiceline_invoice", fields="invoice", to="billing.Invoice"),
            models.UniqueConstraint(
                fields=["company", "mode", "invoice", "position"], name="billing_invoiceline_position"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, quantity__lte=MAX_QUANTITY)
                & Q(unit_amount__gte=0, unit_amount__lte=MAX_AMOUNT)
                & Q(tax_rate_bps__gte=0, tax_rate_bps__lte=MAX_TAX_RATE_BPS)
                & Q(discount_amount__gte=0, amount__gte=0, amount__lte=MAX_AMOUNT)
                & Q(discount_share__gte=0, discount_share__lte=F("amount"), tax__gte=0)
                & (Q(discount_bps__isnull=True) | Q(discount_bps__range=(0, MAX_DISCOUNT_BPS))),
                name="billing_invoiceline_ranges",
            ),
            models.CheckConstraint(
                condition=Q(amount=_BEFORE_DISCOUNT - F("discount_amount")),
                name="billing_invoiceline_amount",
            ),
        ]

    def __str__(self) -> str:
        return self.description


class InvoiceCounter(TenantModel):
    """The last invoice number of a company and mode. Its row lock serializes finalizations, so that no number is skipped."""

    last_number = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["company", "mode"], name="billing_invoicecounter_once"),
            models.CheckConstraint(condition=Q(last_number__gte=0), name="billing_invoicecounter_positive"),
        ]

    def __str__(self) -> str:
        return str(self.last_number)
