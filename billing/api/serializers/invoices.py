"""Request and response fields of invoices."""

from rest_framework import serializers

from billing.api.serializers.fields import (
    AddressOutput,
    CurrencyField,
    DueDateField,
    MergedMetadataField,
    QuantityField,
    TaxIdOutput,
)
from billing.api.serializers.sellers import BankDetailsOutput
from billing.languages import Language
from billing.models.customers import TaxExemption
from billing.models.invoices import InvoiceStatus
from billing.money import MAX_AMOUNT, MAX_DISCOUNT_BPS, MAX_LINES, MAX_TAX_RATE_BPS
from core.api.fields import NameField, PublicIdField
from core.api.serializers import StrictSerializer


def _discount_bps(what: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=0,
        max_value=MAX_DISCOUNT_BPS,
        required=False,
        allow_null=True,
        help_text=f"Basis points of the {what}, instead of an amount: 1000 is 10 %.",
    )


# Fields omitted from lists.
IN_LISTS = "In lists with `expand=lines` only."


class InvoiceLineInput(StrictSerializer):
    """An invoice line: `quantity` × `unit_amount`, rounded half up, less its discount."""

    description = serializers.CharField(max_length=500)
    quantity = QuantityField(help_text="Up to six decimal places.")
    unit_amount = serializers.IntegerField(min_value=0, max_value=MAX_AMOUNT)
    tax_rate_bps = serializers.IntegerField(
        min_value=0, max_value=MAX_TAX_RATE_BPS, required=False, help_text="Basis points: 1900 is 19 %."
    )
    discount_amount = serializers.IntegerField(
        min_value=0,
        max_value=MAX_AMOUNT,
        required=False,
        help_text="Deducted from the whole line, before tax.",
    )
    discount_bps = _discount_bps("line")


class ServicePeriodInput(StrictSerializer):
    """The first and last day of the billed period."""

    start = DueDateField()
    end = DueDateField()


class InvoiceInput(StrictSerializer):
    """The fields of a draft that a caller can set; `lines` are replaced as a whole."""

    customer = PublicIdField("cus")
    currency = CurrencyField()
    due_date = DueDateField(required=False, allow_null=True)
    external_id = NameField(max_length=100, required=False, allow_null=True)
    metadata = MergedMetadataField(required=False, allow_null=True)
    purchase_order = serializers.CharField(
        max_length=100, required=False, allow_null=True, allow_blank=True, help_text="The customer's number."
    )
    memo = serializers.CharField(
        max_length=1000,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="Printed below the totals.",
    )
    service_period = ServicePeriodInput(required=False, allow_null=True)
    prices_include_tax = serializers.BooleanField(
        required=False, help_text="Whether `unit_amount` and discounts include tax; false by default."
    )
    tax_note = serializers.CharField(
        max_length=300,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="Why no tax is charged; printed instead of the default text in the document's language.",
    )
    discount_amount = serializers.IntegerField(
        min_value=0, max_value=MAX_AMOUNT, required=False, help_text="Deducted from the sum of the lines."
    )
    discount_bps = _discount_bps("sum of the lines")
    lines = serializers.ListField(child=InvoiceLineInput(), required=False, max_length=MAX_LINES)


class InvoiceLineOutput(serializers.Serializer):
    """An invoice line."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["invoice_line"])
    description = serializers.CharField()
    quantity = serializers.FloatField()
    unit_amount = serializers.IntegerField()
    tax_rate_bps = serializers.IntegerField()
    discount_bps = serializers.IntegerField(allow_null=True)
    discount_amount = serializers.IntegerField()
    amount = serializers.IntegerField()
    tax = serializers.IntegerField()


class IssuedByOutput(serializers.Serializer):
    """The seller, as of finalization."""

    legal_name = serializers.CharField(allow_null=True)
    address = AddressOutput(allow_null=True)
    tax_ids = TaxIdOutput(many=True)
    bank_details = BankDetailsOutput(allow_null=True)
    footer = serializers.CharField(allow_null=True)
    language = serializers.ChoiceField(choices=Language.values)


class BilledToOutput(serializers.Serializer):
    """The customer, as of finalization."""

    name = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    address = AddressOutput(allow_null=True)
    tax_ids = TaxIdOutput(many=True)
    tax_exempt = serializers.ChoiceField(choices=TaxExemption.values)
    language = serializers.ChoiceField(choices=Language.values, allow_null=True)


class WarningOutput(serializers.Serializer):
    """Why a live invoice would have been refused."""

    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ServicePeriodOutput(serializers.Serializer):
    """The first and last day of the billed period."""

    start = serializers.DateField()
    end = serializers.DateField()


class TaxBreakdownOutput(serializers.Serializer):
    """The amount taxed at one rate. Tax is rounded once per rate (EN 16931)."""

    tax_rate_bps = serializers.IntegerField()
    taxable = serializers.IntegerField()
    tax = serializers.IntegerField()


class InvoiceOutput(serializers.Serializer):
    """An invoice."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["invoice"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    customer = serializers.CharField()
    status = serializers.ChoiceField(choices=InvoiceStatus.values)
    number = serializers.CharField(allow_null=True)
    currency = CurrencyField()
    due_date = serializers.DateField(allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    seller = IssuedByOutput(allow_null=True, help_text="As of finalization; null for a draft.")
    billed_to = BilledToOutput(allow_null=True, help_text="As of finalization; null for a draft.")
    warnings = WarningOutput(
        many=True, help_text="For a test invoice: what is missing that a live one would be refused for."
    )
    purchase_order = serializers.CharField(allow_null=True)
    memo = serializers.CharField(allow_null=True)
    service_period = ServicePeriodOutput(allow_null=True)
    prices_include_tax = serializers.BooleanField()
    tax_exempt = serializers.ChoiceField(
        choices=TaxExemption.values, help_text="The customer's, as of the last change or finalization."
    )
    tax_note = serializers.CharField(allow_null=True)
    lines = InvoiceLineOutput(many=True, required=False, help_text=IN_LISTS)
    discount_bps = serializers.IntegerField(allow_null=True)
    discount_amount = serializers.IntegerField()
    tax_breakdown = TaxBreakdownOutput(many=True, required=False, help_text=IN_LISTS)
    subtotal = serializers.IntegerField()
    tax = serializers.IntegerField()
    total = serializers.IntegerField()
    amount_paid = serializers.IntegerField()
    amount_due = serializers.IntegerField()
    amount_refunded = serializers.IntegerField(help_text="Refunded from its charges.")
    pre_payment_credit = serializers.IntegerField(
        help_text="Credited by credit notes and no longer due, so not part of `amount_due`."
    )
    post_payment_credit = serializers.IntegerField(
        help_text="Credited by credit notes after it had been paid."
    )
    finalized_at = serializers.DateTimeField(allow_null=True)
    paid_at = serializers.DateTimeField(allow_null=True)
    voided_at = serializers.DateTimeField(allow_null=True)
    marked_uncollectible_at = serializers.DateTimeField(allow_null=True)
    overdue_at = serializers.DateTimeField(allow_null=True, help_text="When `invoice.overdue` was published.")
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
