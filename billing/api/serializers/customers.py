"""Request and response fields of customers."""

from rest_framework import serializers

from billing.api.serializers.fields import (
    AddressInput,
    AddressOutput,
    MergedMetadataField,
    PhoneField,
    TaxIdInput,
    TaxIdOutput,
)
from billing.languages import Language
from billing.models.customers import TaxExemption
from billing.tax_ids import MAX_TAX_IDS
from core.api.fields import EmailAddressField, NameField
from core.api.schema_enums import name_values
from core.api.serializers import StrictSerializer

name_values("TaxExemption", TaxExemption.values)


class CustomerInput(StrictSerializer):
    """The customer fields that a caller can set."""

    name = NameField(max_length=200)
    email = EmailAddressField(max_length=254, required=False, allow_null=True)
    phone = PhoneField(
        max_length=32,
        required=False,
        allow_null=True,
        help_text="International format, with a length valid for its country; stored as E.164.",
    )
    address = AddressInput(required=False, allow_null=True)
    tax_ids = serializers.ListField(child=TaxIdInput(), required=False, max_length=MAX_TAX_IDS)
    tax_exempt = serializers.ChoiceField(
        choices=TaxExemption.values,
        required=False,
        help_text="With `exempt` and `reverse` (the buyer owes the tax), the customer's invoices carry no tax.",
    )
    preferred_language = serializers.ChoiceField(
        choices=Language.values,
        required=False,
        allow_null=True,
        help_text="Language of the customer's documents; null uses the seller's.",
    )
    external_id = NameField(
        max_length=100,
        required=False,
        allow_null=True,
        help_text="Your own ID, unique per company and mode.",
    )
    metadata = MergedMetadataField(required=False, allow_null=True)


class CustomerOutput(serializers.Serializer):
    """A customer."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["customer"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    name = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    address = AddressOutput(allow_null=True)
    tax_ids = TaxIdOutput(many=True)
    tax_exempt = serializers.ChoiceField(choices=TaxExemption.values)
    preferred_language = serializers.ChoiceField(choices=Language.values, allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
