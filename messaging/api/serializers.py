"""Request and response fields of messaging endpoints. Addresses are parsed by their channel, in the service."""

from copy import deepcopy
from math import ceil
from typing import Any, ClassVar

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers

from core.api.fields import Base64Field, MomentField, PublicIdField
from core.api.patterns import any_of
from core.api.schema_components import refine
from core.api.schema_enums import name_values
from core.api.serializers import Json, MetadataField, StrictSerializer
from messaging.attachments import CONTENT_TYPES, MAX_ATTACHMENTS, MAX_BYTES, MAX_FILENAME, Attachment
from messaging.channels import channels
from messaging.channels.base import Channel
from messaging.channels.email import MAX_REPLY_TO
from messaging.custom_headers import ALLOWED, MAX_HEADERS, MAX_VALUE
from messaging.models import MAX_RECIPIENTS, Recipient, Status, Suppression
from messaging.services.templates import MAX_VERSIONS
from messaging.topics import TOPIC, TOPIC_FORM

Variants = dict[str, serializers.Serializer[Any] | type[serializers.Serializer[Any]]]
MAX_ADDRESS_TEXT = 600  # a display name and an address
MAX_BATCH = 100


def channel_names() -> list[str]:
    """Return all channel names in a fixed order."""
    return sorted(channels())


name_values("MessageChannel", channel_names())
name_values("MessageStatus", Status.values)


def addresses(maximum: int = MAX_RECIPIENTS, **kwargs: Any) -> serializers.ListField:
    """Return a field of addresses, which the service validates by channel."""
    child = serializers.CharField(max_length=MAX_ADDRESS_TEXT, trim_whitespace=False)
    return serializers.ListField(child=child, max_length=maximum, required=False, **kwargs)


class TagsField(serializers.ListField):
    """Up to ten short tags for filtering and statistics."""

    child = serializers.RegexField(
        r"^[A-Za-z0-9_.:-]{1,50}\Z",
        error_messages={"invalid": "Use 1 to 50 letters, digits and the characters _ . : -"},
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=10, **kwargs)


class AttachmentInput(StrictSerializer):
    """A file attached to an email."""

    filename = serializers.CharField(
        max_length=MAX_FILENAME,
        trim_whitespace=False,
        help_text="A name without a path, with one extension that fits the type.",
    )
    content_type = serializers.ChoiceField(choices=CONTENT_TYPES)
    content = Base64Field(
        max_length=4 * ceil(MAX_BYTES / 3),
        trim_whitespace=False,
        help_text="The file in Base64. Its first bytes must match the type.",
    )

    def validate(self, attrs: Json) -> Attachment:
        """Return the file."""
        return Attachment(**attrs)


class AttachmentOutput(serializers.Serializer):
    """A file attached to an email. Its content is not returned."""

    filename = serializers.CharField()
    content_type = serializers.CharField()
    size = serializers.IntegerField(min_value=0, help_text="In bytes.")


class BulkInput(StrictSerializer):
    """The topic of bulk mail."""

    topic = serializers.RegexField(
        TOPIC,
        error_messages={"invalid": TOPIC_FORM},
        help_text="A short name: a one-click unsubscribe leaves this topic and nothing else.",
    )


class BulkOutput(serializers.Serializer):
    """The topic of bulk mail."""

    topic = serializers.CharField()


class VariablesField(serializers.DictField):
    """Values of template variables: strings, numbers and booleans, nested or with dotted names; validated by the service."""


class HeadersField(serializers.DictField):
    """Email headers that callers may set, with single-line values."""

    child = serializers.CharField(max_length=MAX_VALUE, trim_whitespace=False)
    json_schema: ClassVar[Json] = {
        "maxProperties": MAX_HEADERS,
        "propertyNames": {"pattern": any_of(*ALLOWED)},
    }

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """Parse the headers. Raises ValidationError if there are too many."""
        values: dict[str, str] = super().to_internal_value(data)
        if len(values) > MAX_HEADERS:
            raise serializers.ValidationError(f"At most {MAX_HEADERS} headers are accepted.", code="too_many")
        return values


class SharedInput(StrictSerializer):
    """The content and options that messages sent together share."""

    channel = serializers.ChoiceField(choices=channel_names())
    reply_to = addresses(MAX_REPLY_TO)
    subject = serializers.CharField(max_length=998, required=False, allow_blank=True, trim_whitespace=False)
    text = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    html = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    template = PublicIdField(
        "tpl",
        max_length=100,
        required=False,
        allow_null=True,
        help_text="The template that provides `subject`, `text` and `html`; leave those out then.",
    )
    template_version = serializers.IntegerField(
        min_value=1,
        max_value=MAX_VERSIONS,
        required=False,
        allow_null=True,
        help_text="Default: the newest version.",
    )
    send_at = MomentField(
        required=False, allow_null=True, help_text="When to send it, at most 30 days ahead. Default: now."
    )
    bulk = BulkInput(
        required=False,
        allow_null=True,
        help_text="Marks bulk mail, such as a newsletter, which recipients can leave with one click (RFC "
        "8058). Leave out for transactional messages.",
    )
    headers = HeadersField(required=False, help_text=f"Email headers, any of: {', '.join(ALLOWED)}.")
    tags = TagsField(required=False)

    def get_fields(self) -> dict[str, serializers.Field]:
        """Add `from`, a Python keyword that cannot be an attribute."""
        fields: dict[str, serializers.Field] = super().get_fields()
        fields["from"] = serializers.CharField(
            source="sender", max_length=MAX_ADDRESS_TEXT, required=False, trim_whitespace=False
        )
        return fields


def _customer(**kwargs: Any) -> PublicIdField:
    return PublicIdField(
        "cus",
        max_length=100,
        required=False,
        allow_null=True,
        help_text="The customer it belongs to, and the recipient if `to` is left out.",
        **kwargs,
    )


class MessageInput(SharedInput):
    """A message to send."""

    to = addresses(
        help_text="The recipients; the `customer` by default. At most 100, including `cc` and `bcc`."
    )
    cc = addresses()
    bcc = addresses()
    customer = _customer()
    variables = VariablesField(required=False, help_text="Values of the template's variables.")
    attachments = serializers.ListField(
        child=AttachmentInput(),
        max_length=MAX_ATTACHMENTS,
        required=False,
        help_text=f"Files, {MAX_BYTES} bytes in total when decoded.",
    )
    metadata = MetadataField(required=False)


class BatchRecipientInput(StrictSerializer):
    """One message of a batch: its recipient and its own values."""

    to = serializers.CharField(max_length=MAX_ADDRESS_TEXT, required=False, trim_whitespace=False)
    customer = _customer()
    variables = VariablesField(
        required=False, help_text="Values of the template's variables, for this message."
    )
    metadata = MetadataField(required=False)


def _recipients(channel: Channel | None = None) -> serializers.ListField:
    title = channel.name.title() if channel else ""
    address = {"properties": {"to": channel.address_schema}} if channel else {}
    one = type(f"{title}BatchRecipientInput", (BatchRecipientInput,), {"json_schema": address})
    return serializers.ListField(
        child=one(),
        min_length=1,
        max_length=MAX_BATCH,
        help_text="At most 100 messages, of which all or none are accepted.",
    )


class BatchInput(SharedInput):
    """Messages with the same content to different recipients, each with its own values."""

    recipients = _recipients()


def message_inputs() -> PolymorphicProxySerializer:
    """Describe the request body for each channel: its fields, and the format of its addresses."""
    return _by_channel("MessageInput", MessageInput, "A message sent by {}.")


def batch_inputs() -> PolymorphicProxySerializer:
    """Describe the body of a batch for each channel."""
    return _by_channel("MessageBatchInput", BatchInput, "Messages sent by {}, each to its own recipients.")


def _by_channel(name: str, base: type[SharedInput], words: str) -> PolymorphicProxySerializer:
    variants: Variants = {
        each: _variant(name, base, words, channel) for each, channel in sorted(channels().items())
    }
    return PolymorphicProxySerializer(name, variants, "channel")


def _variant(name: str, base: type[SharedInput], words: str, channel: Channel) -> type[SharedInput]:
    known = {each: field for each, field in base().fields.items() if each not in channel.unknown_parts}
    if "recipients" in known:
        known["recipients"] = _recipients(channel)
    shared: Json = {
        "properties": {
            each: {"items": channel.address_schema}
            for each in ("to", "cc", "bcc", "reply_to")
            if each in known
        },
    }
    refine(shared, channel.message_schema)
    shared["properties"] = {each: found for each, found in shared["properties"].items() if each in known}
    shared["required"] = [each for each, field in known.items() if field.required]

    def get_fields(self: SharedInput) -> dict[str, serializers.Field]:
        """Return the fields that the channel supports."""
        return {**deepcopy(known), "channel": serializers.ChoiceField(choices=[channel.name])}

    return type(
        f"{channel.name.title()}{name}",
        (base,),
        {"__doc__": words.format(channel.label), "get_fields": get_fields, "json_schema": shared},
    )


class RecipientErrorOutput(serializers.Serializer):
    """Why a message did not reach a recipient."""

    code = serializers.CharField()
    message = serializers.CharField()


class RecipientOutput(serializers.Serializer):
    """One recipient."""

    to = serializers.CharField()
    kind = serializers.ChoiceField(choices=Recipient.Kinds.values)
    status = serializers.ChoiceField(choices=Status.values)
    error = RecipientErrorOutput(allow_null=True)
    updated = serializers.DateTimeField()


class TemplateReferenceOutput(serializers.Serializer):
    """The template version a message uses."""

    id = serializers.CharField()
    version = serializers.IntegerField()


class MessageSummaryOutput(serializers.Serializer):
    """A message without its bodies, as lists show it."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["message"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    channel = serializers.ChoiceField(choices=channel_names())
    status = serializers.ChoiceField(choices=Status.values)
    to = serializers.ListField(child=serializers.CharField())
    cc = serializers.ListField(child=serializers.CharField())
    bcc = serializers.ListField(child=serializers.CharField())
    reply_to = serializers.ListField(child=serializers.CharField())
    subject = serializers.CharField(allow_null=True)
    send_at = serializers.DateTimeField()
    customer = serializers.CharField(allow_null=True)
    bulk = BulkOutput(allow_null=True)
    template = TemplateReferenceOutput(allow_null=True)
    attachments = AttachmentOutput(many=True)
    headers = serializers.DictField(child=serializers.CharField())
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
    """A whole message."""

    text = serializers.CharField(allow_null=True)
    html = serializers.CharField(allow_null=True)


class BatchOutput(serializers.Serializer):
    """The messages of a batch, in the order of its recipients."""

    object = serializers.ChoiceField(choices=["message_batch"])
    data = MessageSummaryOutput(many=True)  # type: ignore[assignment]  # the metaclass takes declared fields away


class SuppressionInput(StrictSerializer):
    """An address to suppress."""

    channel = serializers.ChoiceField(choices=channel_names())
    address = serializers.CharField(max_length=MAX_ADDRESS_TEXT)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


def suppression_inputs() -> PolymorphicProxySerializer:
    """Describe the body of a suppression for each channel: the format of its addresses."""
    variants: Variants = {
        name: type(
            f"{channel.name.title()}SuppressionInput",
            (SuppressionInput,),
            {
                "__doc__": f"An address to suppress for {channel.label}.",
                "channel": serializers.ChoiceField(choices=[name]),
                "json_schema": {"properties": {"address": channel.address_schema}},
            },
        )
        for name, channel in sorted(channels().items())
    }
    return PolymorphicProxySerializer("SuppressionInput", variants, "channel")


class SuppressionOutput(serializers.Serializer):
    """A suppressed address."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["suppression"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    channel = serializers.ChoiceField(choices=channel_names())
    address = serializers.CharField()
    origin = serializers.ChoiceField(choices=Suppression.Origins.values)
    topic = serializers.CharField(
        allow_null=True, help_text="The bulk mail topic the owner has left; null stops everything."
    )
    message = serializers.CharField(allow_null=True)
    note = serializers.CharField(allow_null=True)
    created = serializers.DateTimeField()
