"""Request and response fields of charges, refunds and payments outside the gateway."""

from typing import Any

from rest_framework import serializers

from billing.api.serializers.fields import CurrencyField, MergedMetadataField
from billing.models.charges import PaymentStatus, RefundReason
from billing.models.disputes import DisputeStatus
from billing.models.payments import PaymentMethod
from billing.money import MAX_AMOUNT
from core.api.fields import MomentField, NameField, PublicIdField
from core.api.schema_enums import name_values
from core.api.serializers import MetadataField, StrictSerializer

name_values("PaymentStatus", PaymentStatus.values)
name_values("DisputeStatus", DisputeStatus.values)
name_values("RefundReason", RefundReason.values)
name_values("PaymentMethod", PaymentMethod.values)


class MetadataInput(StrictSerializer):
    """The only field that can be changed on an immutable object."""

    metadata = MergedMetadataField(
        allow_null=True, help_text="Merged with the existing entries; null removes one."
    )


class ChargeInput(StrictSerializer):
    """A charge: for an `invoice`, or without one with an `amount` and a `currency`."""

    payment_method = serializers.CharField(
        max_length=64,
        help_text="Of the sandbox: card_success, card_declined, card_insufficient_funds, "
        "card_timeout_success, card_timeout_unknown. Of Stripe: the id of a PaymentMethod, pm_….",
    )
    amount = serializers.IntegerField(
        min_value=1,
        max_value=MAX_AMOUNT,
        required=False,
        help_text="Defaults to what is left to charge for the invoice.",
    )
    currency = CurrencyField(required=False)
    invoice = PublicIdField("in", required=False)
    customer = PublicIdField("cus", required=False)
    metadata = MetadataField(required=False)


class DisputeOutput(serializers.Serializer):
    """A dispute: a payer asked their bank to return the money."""

    id = serializers.CharField()
    amount = serializers.IntegerField(help_text="What is disputed; it may differ from the charge's amount.")
    currency = CurrencyField()
    reason = serializers.CharField(help_text="The gateway's word for it, such as `fraudulent`.")
    status = serializers.ChoiceField(choices=DisputeStatus.values)
    response_due_at = serializers.DateTimeField(
        allow_null=True, help_text="Until when the bank takes an answer, which is given at the gateway."
    )
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()


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
    disputes = DisputeOutput(many=True, help_text="Oldest first.")
    failure_code = serializers.CharField(allow_null=True)
    failure_message = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()


class RefundInput(StrictSerializer):
    """A refund of a charge: an amount, or, if requested explicitly, everything that is left."""

    amount = serializers.IntegerField(min_value=1, max_value=MAX_AMOUNT, required=False)
    full = serializers.BooleanField(
        required=False, help_text="Send `true` instead of an amount to refund everything that is left."
    )
    reason = serializers.ChoiceField(choices=RefundReason.values, required=False, allow_null=True)
    metadata = MetadataField(required=False)
    credit_note = serializers.BooleanField(
        required=False,
        help_text="Whether to credit the charge's invoice by the same amount; voided if the refund fails. "
        "Also needs the scope `invoices:write`.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse an ambiguous body: a truncated one must never mean the larger amount."""
        if attrs.get("full") is False:
            raise serializers.ValidationError({"full": ["Send `true`, or leave it out and send `amount`."]})
        given = attrs.keys() & {"amount", "full"}
        if len(given) != 1:
            code = "required" if not given else "contradictory"
            text = "Send either `amount`, or `full: true` to refund everything that is left."
            raise serializers.ValidationError({"amount": [serializers.ErrorDetail(text, code=code)]})
        return attrs


class RefundOutput(serializers.Serializer):
    """A refund."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["refund"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    charge = serializers.CharField()
    invoice = serializers.CharField(allow_null=True, help_text="The charge's.")
    credit_note = serializers.CharField(
        allow_null=True, help_text="The credit note that was created with it."
    )
    amount = serializers.IntegerField()
    currency = CurrencyField()
    status = serializers.ChoiceField(choices=PaymentStatus.values)
    reason = serializers.ChoiceField(choices=RefundReason.values, allow_null=True)
    failure_code = serializers.CharField(allow_null=True)
    failure_message = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()


class PaymentInput(StrictSerializer):
    """A payment for an invoice, received outside the gateway."""

    method = serializers.ChoiceField(choices=PaymentMethod.values)
    amount = serializers.IntegerField(
        min_value=1, max_value=MAX_AMOUNT, help_text="At most what is due and not currently being charged."
    )
    paid_at = MomentField(required=False, allow_null=True, help_text="When it was received; defaults to now.")
    reference = NameField(
        max_length=140, required=False, allow_null=True, help_text="From the bank statement or receipt."
    )
    metadata = MetadataField(required=False)


class UndoInput(StrictSerializer):
    """The reason for undoing a payment."""

    reason = NameField(max_length=300)


class PaymentOutput(serializers.Serializer):
    """A payment received outside the gateway."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["payment"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    invoice = serializers.CharField()
    method = serializers.ChoiceField(choices=PaymentMethod.values)
    amount = serializers.IntegerField()
    currency = CurrencyField()
    paid_at = serializers.DateTimeField()
    reference = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    undone_at = serializers.DateTimeField(allow_null=True)
    undo_reason = serializers.CharField(allow_null=True)
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
