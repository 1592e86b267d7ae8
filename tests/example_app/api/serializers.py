"""Bookings in and out."""

from rest_framework import serializers

from core.api.fields import DayField, MomentField, PublicIdField
from core.api.serializers import MetadataField, StrictSerializer

MAX_INTEGER = 2**31 - 1


class BookingInput(StrictSerializer):
    """The fields of a booking that a caller sets."""

    title = serializers.CharField(max_length=200)
    reference = serializers.CharField(max_length=200)
    starts_at = MomentField()
    guests = serializers.IntegerField(
        min_value=-MAX_INTEGER, max_value=MAX_INTEGER, required=False, allow_null=True
    )
    customer = PublicIdField("cus")
    details = MetadataField(required=False)
    paid_until = DayField(required=False, allow_null=True)


class BookingOutput(serializers.Serializer):
    """A booking."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["booking"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    title = serializers.CharField()
    reference = serializers.CharField()
    starts_at = serializers.DateTimeField()
    guests = serializers.IntegerField(allow_null=True)
    customer = PublicIdField("cus")
    details = serializers.DictField(child=serializers.CharField(allow_blank=True))
    paid_until = serializers.DateField(allow_null=True)
    confirmed_at = serializers.DateTimeField(allow_null=True)
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
