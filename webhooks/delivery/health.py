"""Disables an endpoint that is gone or has been failing for days."""

from __future__ import annotations

from core import clock
from core.events import publish
from core.principal import Principal
from core.tenancy import Tenant, tenant_context
from webhooks.delivery.record import EndpointToDisable
from webhooks.events import EndpointDisabled
from webhooks.models import Endpoint


def switch_off(found: EndpointToDisable) -> None:
    """Disable the endpoint, record it in the audit trail, and mark the notice to its owners as due.

    Does nothing if it is disabled already. Its pending deliveries are kept, and resume when it is enabled again.
    """
    with tenant_context(Tenant(found.company_id, found.mode)):  # type: ignore[arg-type]
        endpoint = (
            Endpoint.objects.select_for_update()
            .filter(id=found.endpoint_id, enabled=True, deleted_at=None)
            .first()
        )
        if endpoint is None:
            return
        now = clock.now()
        endpoint.enabled = False
        endpoint.disabled_reason = found.reason
        endpoint.disabled_at = endpoint.updated = now
        endpoint.notice_due = True
        endpoint.save(update_fields=["enabled", "disabled_reason", "disabled_at", "updated", "notice_due"])
        publish(
            EndpointDisabled(
                object_id=endpoint.public_id,
                changes={"enabled": [True, False]},
                detail={"reason": found.reason},
            ),
            actor=Principal.system("webhooks.delivery"),
        )
