"""What messaging's endpoints accept and answer. Addresses are parsed by their channel, in the service."""

from typing import Any

from rest_framework import serializers

from core.api.serializers import MetadataField, StrictSerializer
from messaging.channels import channels
from messaging.models import MAX_RECIPIENTS, Recipient, Status, Suppression

MAX_ADDRESS_TEXT = 600  # a display name and an address


def _channel_names() -> list[str]:
    return sorted(channels())


def _addresses(maximum: int = MAX_RECIPIENTS) -> serializers.ListField:
    child = serializers.CharField(max_length=MAX_ADDRESS_TEXT, trim_whitespace=False)
    return serializers.ListField(child=child, max_length=maximum, required=False)


class TagsField(serializers.ListField):
    """Up to ten short words by which messages can be filtered and counted."""

    child = serializers.RegexField(
        r"^[A-Za-z0-9_.:-]{1,50}\Z",
        error_messages={"invalid": "Use 1 to 50 letters, digits and the characters _ . : -"},
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=10, **kwargs)


class MessageInput(StrictSerializer):
    """A message to send."""

    channel = serializers.ChoiceField(choices=_channel_names())
    to = _addresses()
    cc = _addresses()
    bcc = _addresses()
    reply_to = _addresses(10)
    subject = serializers.CharField(max_length=998, required=False, allow_blank=True, trim_whitespace=False)
    text = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    html = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    send_at = serializers.DateTimeField(required=False, allow_null=True)
    customer = serializers.CharField(max_length=100, required=False, allow_null=True)
    tags = TagsField(required=False)
    metadata = MetadataField(required=False)

    def get_fields(self) -> dict[str, serializers.Field]:
        """Add `from`, which is a word of Python's own and cannot be written as an attribute."""
        fields: dict[str, serializers.Field] = super().get_fields()
        fields["from"] = serializers.CharField(
            source="sender", max_length=MAX_ADDRESS_TEXT, required=False, trim_whitespace=False
        )
        return fields


class RecipientErrorOutput(serializers.Serializer):
    """Why a recipient was not reached."""

    code = serializers.CharField()
    message = serializers.CharField()


class RecipientOutput(serializers.Serializer):
    """One recipient, as `messaging.representations.recipient` renders it."""

    to = serializers.CharField()
    kind = serializers.ChoiceField(choices=Recipient.Kinds.values)
    status = serializers.ChoiceField(choices=Status.values)
    error = RecipientErrorOutput(allow_null=True)
    updated = serializers.DateTimeField()


class MessageSummaryOutput(serializers.Serializer):
    """A message without its bodies, as lists show it."""

    id = serializers.CharField()
    object = serializers.CharField()
    mode = serializers.ChoiceField(choices=["live", "test"])
    channel = serializers.ChoiceField(choices=_channel_names())
    status = serializers.ChoiceField(choices=Status.values)
    to = serializers.ListField(child=serializers.CharField())
    cc = serializers.ListField(child=serializers.CharField())
    bcc = serializers.ListField(child=serializers.CharField())
    reply_to = serializers.ListField(child=serializers.CharField())
    subject = serializers.CharField(allow_null=True)
    send_at = serializers.DateTimeField()
    customer = serializers.CharField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    metadata = serializers.DictField(child=serializers.CharField())
    recipients = RecipientOutput(many=True)
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()

    def get_fields(self) -> dict[str, serializers.Field]:
        """Add `from`."""
        fields: dict[str, serializers.Field] = super().get_fields()
        fields["from"] = serializers.CharField()
        return fields


class MessageOutput(MessageSummaryOutput):
    """A whole message, as `messaging.representations.message` renders it."""

    text = serializers.CharField(allow_null=True)
    html = serializers.CharField(allow_null=True)


class SuppressionInput(StrictSerializer):
    """An address to suppress."""

    channel = serializers.ChoiceField(choices=_channel_names())
    address = serializers.CharField(max_length=MAX_ADDRESS_TEXT)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class SuppressionOutput(serializers.Serializer):
    """A suppressed address, as `messaging.representations.suppression` renders it."""

    id = serializers.CharField()
    object = serializers.CharField()
    mode = serializers.ChoiceField(choices=["live", "test"])
    channel = serializers.ChoiceField(choices=_channel_names())
    address = serializers.CharField()
    origin = serializers.ChoiceField(choices=Suppression.Origins.values)
    message = serializers.CharField(allow_null=True)
    note = serializers.CharField(allow_null=True)
    created = serializers.DateTimeField()
