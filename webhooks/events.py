"""What happens to webhook endpoints. None of it is public: it goes to the audit trail."""

from __future__ import annotations

from typing import ClassVar

from core.events import Event


class _EndpointEvent(Event):
    public: ClassVar[bool] = False


class EndpointCreated(_EndpointEvent):
    """A webhook endpoint was created."""

    type: ClassVar[str] = "webhook_endpoint.created"
    sentence: ClassVar[str] = "created webhook endpoint {target}"


class EndpointUpdated(_EndpointEvent):
    """A webhook endpoint was changed."""

    type: ClassVar[str] = "webhook_endpoint.updated"
    sentence: ClassVar[str] = "changed webhook endpoint {target}"


class EndpointDeleted(_EndpointEvent):
    """A webhook endpoint was deleted."""

    type: ClassVar[str] = "webhook_endpoint.deleted"
    sentence: ClassVar[str] = "deleted webhook endpoint {target}"


class EndpointEnabled(_EndpointEvent):
    """A webhook endpoint was switched on again."""

    type: ClassVar[str] = "webhook_endpoint.enabled"
    sentence: ClassVar[str] = "switched webhook endpoint {target} on"


class EndpointDisabled(_EndpointEvent):
    """A webhook endpoint was disabled, by somebody or because nothing reached it any more."""

    type: ClassVar[str] = "webhook_endpoint.disabled"
    sentence: ClassVar[str] = "switched webhook endpoint {target} off"


class EndpointSecretRotated(_EndpointEvent):
    """A webhook endpoint got a new signing secret."""

    type: ClassVar[str] = "webhook_endpoint.secret_rotated"
    sentence: ClassVar[str] = "rotated the signing secret of webhook endpoint {target}"


class EndpointSecretRevealed(_EndpointEvent):
    """Somebody had a webhook endpoint's signing secret shown."""

    type: ClassVar[str] = "webhook_endpoint.secret_revealed"
    sentence: ClassVar[str] = "viewed the signing secret of webhook endpoint {target}"


class EndpointTested(_EndpointEvent):
    """A test event was sent to a webhook endpoint."""

    type: ClassVar[str] = "webhook_endpoint.tested"
    sentence: ClassVar[str] = "sent a test event to webhook endpoint {target}"


class DeliveryResent(_EndpointEvent):
    """Deliveries were sent again on request."""

    type: ClassVar[str] = "webhook_delivery.resent"
    sentence: ClassVar[str] = "resent webhook delivery {target}"


class RecoveryStarted(_EndpointEvent):
    """A webhook endpoint is being sent what it did not get."""

    type: ClassVar[str] = "webhook_endpoint.recovery_started"
    sentence: ClassVar[str] = "started to send webhook endpoint {target} what it missed"
