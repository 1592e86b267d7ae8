"""What webhooks refuse."""

from __future__ import annotations

from core.errors import DomainError


class EndpointLimitReached(DomainError):
    """The company has as many webhook endpoints in this mode as its tier allows."""

    code = "endpoint_limit_reached"
    status = 409
    title = "Webhook endpoint limit reached"
    fix = "Delete an endpoint that is no longer used, or ask for a higher tier."


class EndpointIsDisabled(DomainError):
    """Nothing is sent to a webhook endpoint that is switched off."""

    code = "endpoint_disabled"
    status = 409
    title = "The endpoint is disabled"
    fix = "Enable the endpoint first: `PATCH /v1/webhook_endpoints/{id}` with `enabled: true`."
    page_fix = "Enable the endpoint first."


class DeliveryInProgress(DomainError):
    """The delivery is being sent, or still waits for its next attempt's answer, at this moment."""

    code = "delivery_in_progress"
    status = 409
    title = "The delivery is being sent"
    fix = "Wait for the attempt to end (at most half a minute) and try again."


class RecoveryRunning(DomainError):
    """The endpoint already has a recovery job that has not ended."""

    code = "recovery_running"
    status = 409
    title = "A recovery is already running"
    fix = "Wait until it is done; its progress is on the endpoint's page and in `recoveries`."
    page_fix = "Wait until it is done; its progress is on the endpoint's page."
