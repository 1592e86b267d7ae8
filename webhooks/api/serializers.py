"""What webhooks' endpoints accept and answer. Rules beyond the types live in webhooks.services.validation."""

from __future__ import annotations

from typing import ClassVar

from rest_framework import serializers

from core.api import versions
from core.api.fields import MomentField
from core.api.patterns import any_case
from core.api.schema_enums import name_values
from core.api.serializers import Json, StrictSerializer
from webhooks.catalogue import CATALOGUE, TEST_EVENT, patterns
from webhooks.models import Delivery, Endpoint, RecoveryJob
from webhooks.representations import HIDDEN
from webhooks.services.secrets import OVERLAPS
from webhooks.services.validation import (
    HEADER_NAME,
    HEADER_VALUE,
    MAX_HEADERS,
    MAX_PATTERNS,
    RESERVED_HEADERS,
    RESERVED_PREFIXES,
)

MODES = ["live", "test"]
VERSIONS = [version.date for version in versions.VERSIONS]
name_values("ApiVersion", VERSIONS)
name_values("EventPattern", patterns())
name_values("EventType", [*CATALOGUE, TEST_EVENT])
name_values("EventTypeFilter", list(CATALOGUE))
name_values("WebhookEndpointDisabledReason", Endpoint.DisabledReason.values)


class UrlField(serializers.CharField):
    """Where deliveries go; the port and the address behind the name are judged by core.outbound."""

    json_schema: ClassVar[Json] = {"format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s\\\\@#]+$"}


class PatternField(serializers.CharField):
    """What of the catalogue an endpoint subscribes to."""

    json_schema: ClassVar[Json] = {"enum": patterns()}


class HeadersField(serializers.DictField):
    """Headers of the receiver's own, none of which Pomelo or HTTP itself sets."""

    child = serializers.CharField(max_length=1000, allow_blank=True, trim_whitespace=False)
    json_schema: ClassVar[Json] = {
        "maxProperties": MAX_HEADERS,
        "propertyNames": {
            "pattern": f"^{HEADER_NAME}$",
            "not": {
                "pattern": f"^(({'|'.join(map(any_case, sorted(RESERVED_HEADERS)))})$"
                f"|{'|'.join(map(any_case, RESERVED_PREFIXES))})"
            },
        },
        "additionalProperties": {"pattern": f"^{HEADER_VALUE}$"},
    }


class VersionField(serializers.CharField):
    """The date of a version of the API."""

    json_schema: ClassVar[Json] = {"enum": VERSIONS}


class WebhookEndpointInput(StrictSerializer):
    """The fields of an endpoint that a caller sets."""

    url = UrlField(max_length=2048, help_text="HTTPS (or HTTP), on a public address, port 443, 8443 or 80.")
    events = serializers.ListField(
        child=PatternField(max_length=64),
        min_length=1,
        max_length=MAX_PATTERNS,
        help_text="Event types, `resource.*`, or `*` for all.",
    )
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    headers = HeadersField(
        required=False,
        help_text="Sent with every delivery; at most 10. Values are write-only: responses show `[hidden]`, "
        "and sending that back keeps the value. Stored ones are dropped when the URL moves to another scheme, host or port.",
    )
    enabled = serializers.BooleanField(required=False)
    api_version = VersionField(
        max_length=10,
        required=False,
        help_text="The version of the API that deliveries are of. Default: the one that this request is of.",
    )


class WebhookEndpointOutput(serializers.Serializer):
    """An endpoint."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["webhook_endpoint"])
    mode = serializers.ChoiceField(choices=MODES)
    url = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    events = serializers.ListField(child=serializers.CharField())
    api_version = serializers.CharField(help_text="The version of the API that deliveries are of.")
    headers = serializers.DictField(
        child=serializers.ChoiceField(choices=[HIDDEN]), help_text="The names; every value is `[hidden]`."
    )
    enabled = serializers.BooleanField()
    disabled_reason = serializers.ChoiceField(choices=Endpoint.DisabledReason.choices, allow_null=True)
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()


class WebhookEndpointSecretOutput(WebhookEndpointOutput):
    """An endpoint with its signing secret: the answer to create and rotate only."""

    secret = serializers.CharField(help_text="`whsec_…`; not shown again.")


class RotateSecretInput(StrictSerializer):
    """When the old secret stops signing."""

    overlap = serializers.ChoiceField(
        choices=list(OVERLAPS),
        help_text="`none` ends the old secret immediately, and has to be sent explicitly.",
    )


class EndpointTestInput(StrictSerializer):
    """What to send as a test."""

    body_is_optional = True  # a plain test, which was all there was at first

    event = serializers.CharField(
        required=False,
        max_length=100,
        help_text="An event type, of which an example is sent, in test mode only: a live receiver would act on it. "
        "Default: a plain test.",
    )


class RecoveryPeriodInput(StrictSerializer):
    """What was created in [since, until)."""

    since = MomentField(help_text="At most 30 days back.")
    until = MomentField(required=False, help_text="Default: now.")


class WebhookRecoveryOutput(serializers.Serializer):
    """A recovery job and how far it is."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["webhook_recovery"])
    mode = serializers.ChoiceField(choices=MODES)
    endpoint = serializers.CharField()
    kind = serializers.ChoiceField(choices=RecoveryJob.Kind.choices)
    status = serializers.ChoiceField(choices=RecoveryJob.Status.choices)
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    examined = serializers.IntegerField()
    queued = serializers.IntegerField()
    total = serializers.IntegerField()
    created = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class EventData(serializers.Serializer):
    """The object an event is about, as it was then, and what changed of it."""

    object = serializers.DictField(
        help_text="As the API returns it; with `thin`, only its `id` and `object`."
    )
    previous = serializers.DictField(
        required=False, help_text="For an event that says what changed: those fields, as they were before."
    )
    thin = serializers.BooleanField(
        required=False, help_text="Only in what webhooks send: the object is too large, read it at `url`."
    )
    url = serializers.CharField(required=False, help_text="With `thin`: where to read the whole event.")


class EventOutput(serializers.Serializer):
    """An event: what webhooks send, and what the API answers."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["event"])
    type = serializers.ChoiceField(choices=[*CATALOGUE, TEST_EVENT])
    mode = serializers.ChoiceField(choices=MODES)
    api_version = serializers.CharField(help_text="The version of the API that `data` is of.")
    created = serializers.DateTimeField()
    timestamp = serializers.DateTimeField(
        help_text="The same as `created`, by the name Standard Webhooks gives it."
    )
    data = EventData()  # type: ignore[assignment]


class DeliveryAttemptOutput(serializers.Serializer):
    """One try of a delivery."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["delivery_attempt"])
    number = serializers.IntegerField()
    trigger = serializers.ChoiceField(choices=["scheduled", "manual"])
    url = serializers.CharField()
    status_code = serializers.IntegerField(allow_null=True)
    duration_ms = serializers.IntegerField()
    error = serializers.CharField(allow_null=True)
    response_headers = serializers.DictField(child=serializers.CharField())
    response_body = serializers.CharField(allow_blank=True)
    created = serializers.DateTimeField()


class DeliveryOutput(serializers.Serializer):
    """A delivery with its attempts."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["delivery"])
    mode = serializers.ChoiceField(choices=MODES)
    endpoint = serializers.CharField()
    event = serializers.CharField()
    event_type = serializers.CharField()
    status = serializers.ChoiceField(choices=Delivery.Status.choices)
    attempts = DeliveryAttemptOutput(many=True)
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    created = serializers.DateTimeField()
