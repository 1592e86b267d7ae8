"""Messaging's endpoints: each parses, calls one service or selector, and renders."""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from core import clock
from core.api.access import ApiRequest
from core.api.permissions import require_any_scope
from core.api.serializers import NoBody
from core.api.views import GenericViewSet
from messaging import representations, services
from messaging.api.filters import MessageFilter, SuppressionFilter
from messaging.api.serializers import (
    BatchInput,
    BatchOutput,
    MessageInput,
    MessageOutput,
    MessageSummaryOutput,
    SuppressionInput,
    SuppressionOutput,
    batch_inputs,
    message_inputs,
    suppression_inputs,
)
from messaging.api.throttles import MessagesThrottle
from messaging.channels import channels, send_scopes
from messaging.models import Message
from messaging.selectors import messages as message_selectors
from messaging.selectors import suppressions as suppression_selectors
from messaging.selectors.usage import ChannelUsage
from messaging.services.caps import DailyCapExceeded
from messaging.services.messages import Accepted

ANY_CHANNEL = "messaging:send"


class MessageViewSet(GenericViewSet):
    """`/v1/messages`."""

    scopes = {"list": "messaging:read", "retrieve": "messaging:read", "create": send_scopes()}
    throttle_classes = [*GenericViewSet.throttle_classes, MessagesThrottle]
    filterset_class = MessageFilter
    # Base64 attachments and the texts: the largest message that can be sent to any address.
    body_limits = {"create": settings.DATA_UPLOAD_MAX_MEMORY_SIZE}

    @extend_schema(operation_id="list_messages", responses=MessageSummaryOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List messages, newest first, without their bodies."""
        return self.page(
            message_selectors.list_messages(),
            lambda row: representations.summary(row, row.recipients.all()),
        )

    @extend_schema(operation_id="create_message", request=message_inputs(), responses={201: MessageOutput})
    def create(self, request: ApiRequest) -> Response:
        """Send a message, now or at `send_at`. The response is returned before sending: watch the status or the events."""
        fields = MessageInput.read(request)
        require_channel_scope(request, fields["channel"])
        [accepted] = accept(request, lambda: [services.create_message(actor=request.user, **fields)])
        return Response(representations.message(accepted.message, accepted.recipients), 201)

    @extend_schema(operation_id="create_message_batch", request=batch_inputs(), responses={201: BatchOutput})
    @action(detail=False, methods=["post"], scopes=send_scopes())
    def batch(self, request: ApiRequest) -> Response:
        """Send up to 100 messages, each with its own recipient and variables: all are accepted, or none.

        An Idempotency-Key covers the whole batch.
        """
        fields = BatchInput.read(request)
        require_channel_scope(request, fields["channel"])
        accepted = accept(request, lambda: services.create_batch(actor=request.user, **fields))
        data = [representations.summary(one.message, one.recipients) for one in accepted]
        return Response({"object": "message_batch", "data": data}, 201)

    @extend_schema(operation_id="retrieve_message", responses=MessageOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a message with the status of each recipient."""
        row = message_selectors.get_message(id)
        return Response(representations.message(row, row.recipients.all()))

    @extend_schema(operation_id="cancel_message", request=None, responses=MessageOutput)
    @action(
        detail=True,
        methods=["post"],
        scopes=send_scopes(),
        throttle_classes=GenericViewSet.throttle_classes,
    )
    def cancel(self, request: ApiRequest, id: str) -> Response:
        """Cancel a message that is queued or scheduled; its recipients no longer count against the daily cap."""
        NoBody.read(request)
        row: Message = message_selectors.get_message(id)
        require_channel_scope(request, row.channel)
        canceled = services.cancel_message(message=row, actor=request.user)
        return Response(representations.message(canceled.message, canceled.recipients))


class SuppressionViewSet(GenericViewSet):
    """`/v1/suppressions`: addresses that nothing is sent to."""

    scopes = {
        "list": "suppressions:read",
        "retrieve": "suppressions:read",
        "create": "suppressions:write",
        "destroy": "suppressions:write",
    }
    filterset_class = SuppressionFilter
    sort_columns = suppression_selectors.SUPPRESSION_SORT

    @extend_schema(operation_id="list_suppressions", responses=SuppressionOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List suppressed addresses, newest first."""
        return self.page(suppression_selectors.list_suppressions(), representations.suppression)

    @extend_schema(
        operation_id="create_suppression",
        request=suppression_inputs(),
        responses={201: SuppressionOutput},
    )
    def create(self, request: ApiRequest) -> Response:
        """Suppress an address."""
        row = services.create_suppression(actor=request.user, **SuppressionInput.read(request))
        return Response(representations.suppression(row), 201)

    @extend_schema(operation_id="retrieve_suppression", responses=SuppressionOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read an entry of the list."""
        return Response(representations.suppression(suppression_selectors.get_suppression(id)))

    @extend_schema(operation_id="delete_suppression", request=None, responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        """Remove an address from the list."""
        NoBody.read(request)
        row = suppression_selectors.get_suppression(id)
        services.delete_suppression(suppression=row, actor=request.user)
        return Response(status=204)


def accept(request: ApiRequest, messages: Callable[[], list[Accepted]]) -> list[Accepted]:
    """Return the accepted messages, with the rest of the daily cap in the headers."""
    now = clock.now()
    try:
        accepted = messages()
    except DailyCapExceeded as refusal:
        add_daily_policy(request, refusal.usage, now)
        raise
    add_daily_policy(request, accepted[-1].usage, now)
    return accepted


def require_channel_scope(request: ApiRequest, channel: str) -> None:
    """Raise `insufficient_scope` if the key may send, but not on this channel.

    HasScope accepts any of the send scopes, since it does not read the body. A removed channel has no scope of its own.
    """
    found = channels().get(channel)
    needed = (ANY_CHANNEL, found.scope) if found else (ANY_CHANNEL,)
    require_any_scope(request, needed, f"This key may not send {channel} messages.")


def add_daily_policy(request: ApiRequest, usage: ChannelUsage, now: datetime) -> None:
    """Add the daily cap, counted in recipients, to the rate-limit headers until the UTC day of the message ends."""
    policy = f'"{usage.policy}";q={usage.cap};w=86400;qu="recipients"'
    state = f'"{usage.policy}";r={usage.remaining};t={usage.seconds_left(now)}'
    headers = request.rate_headers
    for name, value in (("RateLimit-Policy", policy), ("RateLimit", state)):
        present = headers.get(name)
        headers[name] = f"{present}, {value}" if present else value
