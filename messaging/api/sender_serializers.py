"""Request and response fields of sender endpoints: email domains, and SMS numbers and names."""

from rest_framework import serializers

from core.api.schema_enums import name_values
from core.api.serializers import StrictSerializer
from messaging.models import SenderDomain, SmsSender
from messaging.verification import MAX_DOMAIN

name_values("SenderDomainStatus", SenderDomain.Status.values)
name_values("SenderRecordStatus", ["unchecked", "found", "missing", "differs", "unreachable"])
name_values("SmsSenderStatus", SmsSender.Status.values)


class SenderDomainInput(StrictSerializer):
    """A domain to add."""

    domain = serializers.CharField(
        max_length=MAX_DOMAIN,
        help_text="Such as `example.com`; includes its subdomains. International domains are stored in ASCII form.",
    )


class SenderRecordOutput(serializers.Serializer):
    """A DNS record to set, and the result of its last check."""

    purpose = serializers.ChoiceField(choices=["challenge", "dkim", "spf", "return_path", "dmarc"])
    type = serializers.ChoiceField(choices=["TXT", "CNAME"])
    name = serializers.CharField()
    value = serializers.CharField()
    required = serializers.BooleanField(  # type: ignore[assignment]  # the metaclass takes declared fields away
        help_text="Whether verification requires it."
    )
    status = serializers.ChoiceField(choices=["unchecked", "found", "missing", "differs", "unreachable"])
    found = serializers.ListField(child=serializers.CharField(), help_text="What was found.")


class SenderDomainOutput(serializers.Serializer):
    """A domain that live email can be sent from once it is verified."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["sender_domain"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    domain = serializers.CharField()
    status = serializers.ChoiceField(choices=SenderDomain.Status.values)
    records = SenderRecordOutput(many=True)
    verified_at = serializers.DateTimeField(allow_null=True)
    checked_at = serializers.DateTimeField(allow_null=True)
    first_failed_at = serializers.DateTimeField(
        allow_null=True,
        help_text="Since when the records of a verified domain have been missing; verification lapses after 72 hours.",
    )
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()


class SmsSenderInput(StrictSerializer):
    """A number or name to request."""

    sender = serializers.CharField(
        max_length=30, help_text="A number in international format, or a name of up to 11 letters and digits."
    )
    reason = serializers.CharField(
        min_length=10,
        max_length=500,
        help_text="Why it is yours, and what your SMS are about. Read by staff.",
    )


class SmsSenderOutput(serializers.Serializer):
    """A number or name that live SMS can be sent from once staff have approved it."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["sms_sender"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    sender = serializers.CharField()
    status = serializers.ChoiceField(choices=SmsSender.Status.values)
    reason = serializers.CharField()
    decision = serializers.CharField(allow_null=True, help_text="The response from staff.")
    decided_at = serializers.DateTimeField(allow_null=True)
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
