"""Charges and refunds in and out."""

from typing import Any

from rest_framework import serializers

from billing.api.serializers.fields import CurrencyField
from billing.models.charges import PaymentStatus
from billing.money import MAX_AMOUNT
from core.api.fields import PublicIdField
from core.api.schema_enums import name_values
from core.api.serializers import MetadataField, StrictSerializer

name_values("PaymentStatus", PaymentStatus.values)


class ChargeInput(StrictSerializer):
    """A charge: against an `invoice`, or free with an `amount` and a `currency`."""

    payment_method = serializers.CharField(
        max_length=64,
        help_text="Of the sandbox: card_success, card_declined, card_insufficient_funds, "
        "card_timeout_success, card_timeout_unknown.",
    )
    amount = serializers.IntegerField(
        min_value=1,
        max_value=MAX_AMOUNT,
        required=False,
        help_text="Default: what is left to charge for the invoice.",
    )
    currency = CurrencyField(required=False)
    invoice = PublicIdField("in", required=False)
    customer = PublicIdField("cus", required=False)
    metadata = MetadataField(required=False)


class ChargeOutput(serializers.Serializer):
    """A charge."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["charge"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    amount = serializers.IntegerField()
    currency = CurrencyField()
    payment_method = serializers.CharField()
    invoice = serializers.CharField(allow_null=True)
    customer = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=PaymentStatus.values)
    amount_refunded = serializers.IntegerField()
    failure_code = serializers.CharField(allow_null=True)
    failure_message = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()


class RefundInput(StrictSerializer):
    """A refund of a charge: of an amount, or, asked for by name, of all that is left."""

    amount = serializers.IntegerField(min_value=1, max_value=MAX_AMOUNT, required=False)
    full = serializers.BooleanField(
        required=False, help_text="`true` instead of an amount gives back all that is left."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a body that leaves open how much is meant: what did not arrive must never mean the larger sum."""
        if attrs.get("full") is False:
            raise serializers.ValidationError({"full": ["Send `true`, or leave it out and send `amount`."]})
        if len(attrs) != 1:
            code = "required" if not attrs else "contradictory"
            text = "Send either `amount`, or `full: true` to give back all that is left."
            raise serializers.ValidationError({"amount": [serializers.ErrorDetail(text, code=code)]})
        return attrs


class RefundOutput(serializers.Serializer):
    """A refund."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["refund"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    charge = serializers.CharField()
    amount = serializers.IntegerField()
    status = serializers.ChoiceField(choices=PaymentStatus.values)
    failure_code = serializers.CharField(allow_null=True)
    failure_message = serializers.CharField(allow_null=True)
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
