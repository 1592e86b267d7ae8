"""Invoices in and out."""

from rest_framework import serializers

from billing.api.serializers.fields import (
    AddressOutput,
    CurrencyField,
    DueDateField,
    MergedMetadataField,
    TaxIdOutput,
)
from billing.api.serializers.sellers import BankDetailsOutput
from billing.languages import Language
from billing.models.customers import TaxExemption
from billing.models.invoices import InvoiceStatus
from billing.money import MAX_AMOUNT, MAX_LINES, MAX_QUANTITY, MAX_TAX_RATE_BPS
from core.api.fields import NameField, PublicIdField
from core.api.serializers import StrictSerializer


class InvoiceLineInput(StrictSerializer):
    """One position: `quantity` × `unit_amount` − `discount_amount`, and the tax on that."""

    description = serializers.CharField(max_length=500)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY)
    unit_amount = serializers.IntegerField(min_value=0, max_value=MAX_AMOUNT)
    tax_rate_bps = serializers.IntegerField(
        min_value=0, max_value=MAX_TAX_RATE_BPS, required=False, help_text="Basis points: 1900 is 19 %."
    )
    discount_amount = serializers.IntegerField(
        min_value=0, max_value=MAX_AMOUNT, required=False, help_text="Taken off the whole line, before tax."
    )


class InvoiceInput(StrictSerializer):
    """The fields of a draft that a caller sets; `lines` are replaced as a whole."""

    customer = PublicIdField("cus")
    currency = CurrencyField()
    due_date = DueDateField(required=False, allow_null=True)
    external_id = NameField(max_length=100, required=False, allow_null=True)
    metadata = MergedMetadataField(required=False, allow_null=True)
    lines = serializers.ListField(child=InvoiceLineInput(), required=False, max_length=MAX_LINES)


class InvoiceLineOutput(serializers.Serializer):
    """A line."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["invoice_line"])
    description = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_amount = serializers.IntegerField()
    tax_rate_bps = serializers.IntegerField()
    discount_amount = serializers.IntegerField()
    amount = serializers.IntegerField()
    tax = serializers.IntegerField()


class IssuedByOutput(serializers.Serializer):
    """Who sells, as of the finalization."""

    legal_name = serializers.CharField(allow_null=True)
    address = AddressOutput(allow_null=True)
    tax_ids = TaxIdOutput(many=True)
    bank_details = BankDetailsOutput(allow_null=True)
    footer = serializers.CharField(allow_null=True)
    language = serializers.ChoiceField(choices=Language.values)


class BilledToOutput(serializers.Serializer):
    """Who is billed, as of the finalization."""

    name = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    address = AddressOutput(allow_null=True)
    tax_ids = TaxIdOutput(many=True)
    tax_exempt = serializers.ChoiceField(choices=TaxExemption.values)
    language = serializers.ChoiceField(choices=Language.values, allow_null=True)


class WarningOutput(serializers.Serializer):
    """What a live invoice would be refused for."""

    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


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
    seller = IssuedByOutput(allow_null=True, help_text="As of the finalization; null of a draft.")
    billed_to = BilledToOutput(allow_null=True, help_text="As of the finalization; null of a draft.")
    warnings = WarningOutput(
        many=True, help_text="Of a test invoice: what is missing that a live one would be refused for."
    )
    lines = InvoiceLineOutput(many=True)
    subtotal = serializers.IntegerField()
    tax = serializers.IntegerField()
    total = serializers.IntegerField()
    amount_paid = serializers.IntegerField()
    amount_due = serializers.IntegerField()
    finalized_at = serializers.DateTimeField(allow_null=True)
    paid_at = serializers.DateTimeField(allow_null=True)
    voided_at = serializers.DateTimeField(allow_null=True)
    marked_uncollectible_at = serializers.DateTimeField(allow_null=True)
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
