"""Webhooks on the staff site: to read, for support, and to send a delivery again. No secret is ever here."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from core.tenancy import tenant_context
from core.ui.staff import StaffModelAdmin, reason_action, staff_principal
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.selectors import ENDPOINT_HEALTH
from webhooks.services.deliveries import resend_deliveries


class EndpointHealth(admin.SimpleListFilter):
    """Which endpoints receive, which fail, and which were switched off for it."""

    title = "health"
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return what an endpoint may be."""
        return [("failing", "Failing"), ("given_up", "Disabled after failing")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the endpoints that do so."""
        wanted = ENDPOINT_HEALTH.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted)


@admin.register(Endpoint)
class EndpointAdmin(StaffModelAdmin):
    """Endpoints and how they are doing; their custom headers may hold the company's credentials."""

    list_display = ("url", "company", "mode", "enabled", "disabled_reason", "failing_since", "created")
    list_filter = (EndpointHealth, "enabled", "disabled_reason", "mode")
    search_fields = ("url", "company__name", "company__slug")
    list_select_related = ("company",)
    exclude = ("headers",)


@admin.register(Delivery)
class DeliveryAdmin(StaffModelAdmin):
    """Deliveries; one can be sent again."""

    list_display = ("public_id", "event_type", "company", "mode", "status", "attempts", "due_at", "created")
    list_filter = ("status", "event_type", "mode")
    search_fields = ("endpoint__url", "company__name", "company__slug")
    list_select_related = ("company",)
    actions = ("send_again",)

    @reason_action(description="Send again", permission="webhooks.resend_delivery")
    def send_again(self, request: HttpRequest, delivery: Delivery, *, reason: str) -> str:
        """Send it now, with a whole new series of attempts."""
        with tenant_context(delivery.tenant):
            resend_deliveries(deliveries=[delivery], actor=staff_principal(request), reason=reason)
        return f"{delivery.public_id} of {delivery.company.name} is being sent again."


@admin.register(Attempt)
class AttemptAdmin(StaffModelAdmin):
    """What each try of a delivery came to. What the receiver answered is the company's business."""

    list_display = (
        "public_id",
        "delivery",
        "company",
        "mode",
        "status_code",
        "error",
        "duration_ms",
        "created",
    )
    list_filter = ("error", "trigger", "mode")
    search_fields = ("url", "company__name", "company__slug")
    list_select_related = ("company", "delivery")
    exclude = ("response_body", "response_headers")
