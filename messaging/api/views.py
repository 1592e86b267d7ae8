"""Messaging's endpoints: each parses, calls one service or selector, and renders."""

from datetime import datetime

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema

from core import clock
from core.api.filters import filter_queryset
from core.api.rendering import reply
from core.api.views import ApiRequest, ApiView
from core.errors import ERRORS
from messaging import representations, services
from messaging.api.filters import MessageFilter, SuppressionFilter
from messaging.api.serializers import (
    MessageInput,
    MessageOutput,
    MessageSummaryOutput,
    SuppressionInput,
    SuppressionOutput,
    message_inputs,
    suppression_inputs,
)
from messaging.channels import channels, send_scopes
from messaging.models import Message
from messaging.selectors import messages as message_selectors
from messaging.selectors import suppressions as suppression_selectors
from messaging.selectors.usage import Usage
from messaging.services.caps import DailyCapExceeded

ANY_CHANNEL = "messaging:send"


class MessageList(ApiView):
    """The company's messages."""

    scopes = {"GET": "messaging:read", "POST": send_scopes()}
    policies = {"POST": ("messages",)}
    filterset_class = MessageFilter

    @extend_schema(operation_id="list_messages", responses=MessageSummaryOutput(many=True))
    def get(self, request: ApiRequest) -> HttpResponse:
        """List messages, newest first, without their bodies."""
        rows = filter_queryset(request, message_selectors.list_messages(), MessageFilter)
        return self.page(request, rows, lambda row: representations.summary(row, row.recipients.all()))

    @extend_schema(operation_id="create_message", request=message_inputs(), responses={201: MessageOutput})
    def post(self, request: ApiRequest) -> HttpResponse:
        """Send a message, now or at `send_at`. The answer comes before the sending: watch the status or the events."""
        fields = self.read_body(request, MessageInput)
        require_channel_scope(request, fields["channel"])
        now = clock.now()
        try:
            accepted = services.create_message(actor=request.principal, **fields)
        except DailyCapExceeded as refusal:
            add_daily_policy(request, refusal.usage, now)
            raise
        add_daily_policy(request, accepted.usage, now)
        return reply(representations.message(accepted.message, accepted.recipients), 201)


class MessageDetail(ApiView):
    """One message."""

    scopes = {"GET": "messaging:read"}

    @extend_schema(operation_id="retrieve_message", responses=MessageOutput)
    def get(self, request: ApiRequest, id: str) -> HttpResponse:
        """Read a message with what became of each recipient."""
        row = message_selectors.get_message(id)
        return reply(representations.message(row, row.recipients.all()))


class MessageCancel(ApiView):
    """Cancels one message."""

    scopes = {"POST": send_scopes()}

    @extend_schema(operation_id="cancel_message", request=None, responses=MessageOutput)
    def post(self, request: ApiRequest, id: str) -> HttpResponse:
        """Cancel a message that is queued or scheduled; its recipients no longer count against the daily cap."""
        self.read_no_body(request)
        row: Message = message_selectors.get_message(id)
        require_channel_scope(request, row.channel)
        canceled = services.cancel_message(message=row, actor=request.principal)
        return reply(representations.message(canceled.message, canceled.recipients))


class SuppressionList(ApiView):
    """Addresses nothing is sent to."""

    scopes = {"GET": "suppressions:read", "POST": "suppressions:write"}
    filterset_class = SuppressionFilter

    @extend_schema(operation_id="list_suppressions", responses=SuppressionOutput(many=True))
    def get(self, request: ApiRequest) -> HttpResponse:
        """List suppressed addresses, newest first."""
        rows = filter_queryset(request, suppression_selectors.list_suppressions(), SuppressionFilter)
        return self.page(request, rows, representations.suppression)

    @extend_schema(
        operation_id="create_suppression",
        request=suppression_inputs(),
        responses={201: SuppressionOutput},
    )
    def post(self, request: ApiRequest) -> HttpResponse:
        """Suppress an address."""
        fields = self.read_body(request, SuppressionInput)
        row = services.create_suppression(actor=request.principal, **fields)
        return reply(representations.suppression(row), 201)


class SuppressionDetail(ApiView):
    """One suppressed address."""

    scopes = {"GET": "suppressions:read", "DELETE": "suppressions:write"}

    @extend_schema(operation_id="retrieve_suppression", responses=SuppressionOutput)
    def get(self, request: ApiRequest, id: str) -> HttpResponse:
        """Read an entry of the list."""
        return reply(representations.suppression(suppression_selectors.get_suppression(id)))

    @extend_schema(operation_id="delete_suppression", request=None, responses={204: None})
    def delete(self, request: ApiRequest, id: str) -> HttpResponse:
        """Take an address off the list."""
        self.read_no_body(request)
        services.delete_suppression(
            suppression=suppression_selectors.get_suppression(id), actor=request.principal
        )
        return reply(None, 204)


def require_channel_scope(request: ApiRequest, channel: str) -> None:
    """Raise `insufficient_scope` when the key may send, but not on this channel.

    The pipeline let any of the send scopes pass, since it does not read the body. A channel that is no longer here has
    no scope of its own.
    """
    found = channels().get(channel)
    needed = (ANY_CHANNEL, found.scope) if found else (ANY_CHANNEL,)
    granted = request.principal.scopes
    if granted.isdisjoint(needed):
        # The class belongs to apikeys, which messaging may not import.
        raise ERRORS["insufficient_scope"](
            f"This key may not send {channel} messages.",
            facts={"required_scopes": list(needed), "granted_scopes": sorted(granted)},
        )


def add_daily_policy(request: ApiRequest, usage: Usage, now: datetime) -> None:
    """Add the daily cap to the rate-limit headers: in recipients, until the UTC day of the message ends."""
    policy = f'"{usage.policy}";q={usage.cap};w=86400;qu="recipients"'
    state = f'"{usage.policy}";r={usage.remaining};t={usage.seconds_left(now)}'
    for name, value in (("RateLimit-Policy", policy), ("RateLimit", state)):
        present = request.rate_headers.get(name)
        request.rate_headers[name] = f"{present}, {value}" if present else value
