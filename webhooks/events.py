"""What happens to webhook endpoints. None of it is public: it goes to the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True, kw_only=True)
class _EndpointEvent(Event):
    public: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class EndpointCreated(_EndpointEvent):
    """A webhook endpoint was created."""

    type: ClassVar[str] = "webhook_endpoint.created"


@dataclass(frozen=True, kw_only=True)
class EndpointUpdated(_EndpointEvent):
    """A webhook endpoint was changed."""

    type: ClassVar[str] = "webhook_endpoint.updated"


@dataclass(frozen=True, kw_only=True)
class EndpointDeleted(_EndpointEvent):
    """A webhook endpoint was deleted."""

    type: ClassVar[str] = "webhook_endpoint.deleted"


@dataclass(frozen=True, kw_only=True)
class EndpointEnabled(_EndpointEvent):
    """A webhook endpoint was switched on again."""

    type: ClassVar[str] = "webhook_endpoint.enabled"


@dataclass(frozen=True, kw_only=True)
class EndpointDisabled(_EndpointEvent):
    """A webhook endpoint was switched off, by somebody or because nothing reached it any more."""

    type: ClassVar[str] = "webhook_endpoint.disabled"


@dataclass(frozen=True, kw_only=True)
class EndpointSecretRotated(_EndpointEvent):
    """A webhook endpoint got a new signing secret."""

    type: ClassVar[str] = "webhook_endpoint.secret_rotated"


@dataclass(frozen=True, kw_only=True)
class EndpointSecretRevealed(_EndpointEvent):
    """Somebody had a webhook endpoint's signing secret shown."""

    type: ClassVar[str] = "webhook_endpoint.secret_revealed"


@dataclass(frozen=True, kw_only=True)
class EndpointTested(_EndpointEvent):
    """A test event was sent to a webhook endpoint."""

    type: ClassVar[str] = "webhook_endpoint.tested"


@dataclass(frozen=True, kw_only=True)
class DeliveryResent(_EndpointEvent):
    """Deliveries were sent again on request."""

    type: ClassVar[str] = "webhook_delivery.resent"


@dataclass(frozen=True, kw_only=True)
class RecoveryStarted(_EndpointEvent):
    """A webhook endpoint is being sent what it did not get."""

    type: ClassVar[str] = "webhook_endpoint.recovery_started"
