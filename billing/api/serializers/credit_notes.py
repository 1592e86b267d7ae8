"""Request and response fields of credit notes."""

from typing import Any

from rest_framework import serializers

from billing.api.serializers.fields import CurrencyField, QuantityField
from billing.api.serializers.invoices import (
    IN_LISTS,
    BilledToOutput,
    IssuedByOutput,
    TaxBreakdownOutput,
    WarningOutput,
)
from billing.models.credit_notes import CreditNoteReason, CreditNoteStatus
from billing.money import MAX_AMOUNT, MAX_LINES
from core.api.fields import NameField, PublicIdField
from core.api.schema_enums import name_values
from core.api.serializers import MetadataField, StrictSerializer

name_values("CreditNoteReason", CreditNoteReason.values)


class CreditNoteLineInput(StrictSerializer):
    """The credit for a line: a `quantity`, an `amount`, or, without either, everything that is left of it."""

    invoice_line = PublicIdField("il")
    quantity = QuantityField(required=False, allow_null=True)
    amount = serializers.IntegerField(
        min_value=0,
        max_value=MAX_AMOUNT,
        required=False,
        allow_null=True,
        help_text="In the invoice's prices: including tax if `prices_include_tax`, otherwise excluding it.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a quantity together with an amount."""
        if attrs.get("quantity") is not None and attrs.get("amount") is not None:
            text = "Send either `quantity` or `amount`."
            raise serializers.ValidationError(
                {"amount": [serializers.ErrorDetail(text, code="contradictory")]}
            )
        return attrs


class CreditNoteInput(StrictSerializer):
    """A credit note for `lines`, for an `amount`, or, if requested explicitly, for everything that is left of the invoice."""

    invoice = PublicIdField("in")
    lines = serializers.ListField(
        child=CreditNoteLineInput(), required=False, min_length=1, max_length=MAX_LINES
    )
    amount = serializers.IntegerField(
        min_value=1,
        max_value=MAX_AMOUNT,
        required=False,
        help_text="Including tax; distributed across the lines in proportion to what is left of each.",
    )
    full = serializers.BooleanField(
        required=False,
        help_text="Send `true` instead of lines or an amount to credit everything that is left.",
    )
    reason = serializers.ChoiceField(choices=CreditNoteReason.values, required=False, allow_null=True)
    memo = serializers.CharField(
        max_length=1000,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="Printed below the totals.",
    )
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse an ambiguous body: a truncated one must never mean the larger amount."""
        if attrs.get("full") is False:
            raise serializers.ValidationError(
                {"full": ["Send `true`, or leave it out and send `lines` or `amount`."]}
            )
        given = attrs.keys() & {"lines", "amount", "full"}
        if len(given) != 1:
            code = "required" if not given else "contradictory"
            text = "Send one of `lines`, `amount` and `full: true`."
            raise serializers.ValidationError({"lines": [serializers.ErrorDetail(text, code=code)]})
        return attrs


class VoidInput(StrictSerializer):
    """The reason for voiding a credit note."""

    body_is_optional = True

    reason = NameField(max_length=300, required=False, allow_null=True)


class CreditNoteLineOutput(serializers.Serializer):
    """The credit for a line. `quantity` is null if an amount was credited."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["credit_note_line"])
    invoice_line = serializers.CharField()
    description = serializers.CharField()
    quantity = serializers.FloatField(allow_null=True)
    tax_rate_bps = serializers.IntegerField()
    amount = serializers.IntegerField()
    tax = serializers.IntegerField()


class CreditNoteOutput(serializers.Serializer):
    """A credit note. `seller` and `billed_to` are as of the time of issue."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["credit_note"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    number = serializers.CharField()
    invoice = serializers.CharField()
    customer = serializers.CharField()
    refund = serializers.CharField(allow_null=True, help_text="The refund that returns the money.")
    status = serializers.ChoiceField(choices=CreditNoteStatus.values)
    currency = CurrencyField()
    reason = serializers.ChoiceField(choices=CreditNoteReason.values, allow_null=True)
    memo = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    seller = IssuedByOutput()
    billed_to = BilledToOutput()
    warnings = WarningOutput(many=True, help_text="Why a live credit note would have been refused.")
    prices_include_tax = serializers.BooleanField()
    lines = CreditNoteLineOutput(many=True, required=False, help_text=IN_LISTS)
    tax_breakdown = TaxBreakdownOutput(many=True, required=False, help_text=IN_LISTS)
    subtotal = serializers.IntegerField()
    tax = serializers.IntegerField()
    total = serializers.IntegerField()
    pre_payment_amount = serializers.IntegerField(help_text="Reduces the invoice's `amount_due`.")
    post_payment_amount = serializers.IntegerField(
        help_text="Had already been paid: to be returned by a refund or outside the gateway."
    )
    voided_at = serializers.DateTimeField(allow_null=True)
    void_reason = serializers.CharField(allow_null=True)
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
