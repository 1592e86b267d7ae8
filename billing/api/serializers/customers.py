"""Customers in and out."""

from rest_framework import serializers

from billing.api.serializers.fields import CountryField, PhoneField
from core.api.fields import EmailAddressField, NameField
from core.api.serializers import MetadataField, StrictSerializer


class AddressInput(StrictSerializer):
    """A postal address; every part is optional."""

    line1 = serializers.CharField(max_length=200, required=False, allow_blank=True)
    line2 = serializers.CharField(max_length=200, required=False, allow_blank=True)
    city = serializers.CharField(max_length=100, required=False, allow_blank=True)
    state = serializers.CharField(max_length=100, required=False, allow_blank=True)
    postal_code = serializers.CharField(max_length=20, required=False, allow_blank=True)
    country = CountryField(required=False)


class CustomerInput(StrictSerializer):
    """The fields of a customer that a caller sets."""

    name = NameField(max_length=200)
    email = EmailAddressField(max_length=254, required=False, allow_null=True)
    phone = PhoneField(
        max_length=32,
        required=False,
        allow_null=True,
        help_text="International form; stored in E.164, of a length that numbers of its country have.",
    )
    address = AddressInput(required=False, allow_null=True)
    external_id = NameField(
        max_length=100,
        required=False,
        allow_null=True,
        help_text="Your own id, unique per company and mode.",
    )
    metadata = MetadataField(required=False)


class AddressOutput(serializers.Serializer):
    """A postal address; parts that are not known are left out."""

    line1 = serializers.CharField(required=False)
    line2 = serializers.CharField(required=False)
    city = serializers.CharField(required=False)
    state = serializers.CharField(required=False)
    postal_code = serializers.CharField(required=False)
    country = serializers.CharField(required=False)


class CustomerOutput(serializers.Serializer):
    """A customer."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["customer"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    name = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    address = AddressOutput(allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField(allow_blank=True))
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
