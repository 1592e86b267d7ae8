"""What billing's endpoints accept and answer."""

import phonenumbers
from rest_framework import serializers

from core.api.serializers import MetadataField, StrictSerializer


class AddressInput(StrictSerializer):
    """A postal address; every part is optional."""

    line1 = serializers.CharField(max_length=200, required=False, allow_blank=True)
    line2 = serializers.CharField(max_length=200, required=False, allow_blank=True)
    city = serializers.CharField(max_length=100, required=False, allow_blank=True)
    state = serializers.CharField(max_length=100, required=False, allow_blank=True)
    postal_code = serializers.CharField(max_length=20, required=False, allow_blank=True)
    country = serializers.RegexField(
        r"^[A-Z]{2}$",
        required=False,
        error_messages={"invalid": "Use an ISO 3166-1 alpha-2 code such as DE."},
    )


class CustomerInput(StrictSerializer):
    """The fields of a customer that a caller sets."""

    name = serializers.CharField(max_length=200)
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    phone = serializers.CharField(max_length=32, required=False, allow_blank=True)
    address = AddressInput(required=False, allow_null=True)
    external_id = serializers.CharField(max_length=100, required=False, allow_null=True)
    metadata = MetadataField(required=False)

    def validate_phone(self, value: str) -> str:
        """Return the number in E.164; raises ValidationError when it is none."""
        if not value:
            return value
        try:
            number = phonenumbers.parse(value, None)
        except phonenumbers.NumberParseException as error:
            raise serializers.ValidationError("Use the international form, such as +4930123456.") from error
        if not phonenumbers.is_possible_number(number):
            raise serializers.ValidationError("This number cannot exist.")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class CustomerOutput(serializers.Serializer):
    """A customer, as `billing.representations.customer` renders it."""

    id = serializers.CharField()
    object = serializers.CharField()
    mode = serializers.ChoiceField(choices=["live", "test"])
    name = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    address = AddressInput(allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
