"""Webhooks on the staff site: read-only for support, except resending a delivery. Secrets are never shown."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from core.errors import NotFound
from core.tenancy import tenant_context
from core.ui.staff import StaffModelAdmin, reason_action, staff_principal
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.selectors import ENDPOINT_HEALTH
from webhooks.services.deliveries import resend_deliveries


class EndpointHealth(admin.SimpleListFilter):
    """Filter of endpoints by health: receiving, failing, or disabled because of failures."""

    title = "health"
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states of an endpoint."""
        return [("failing", "Failing"), ("given_up", "Disabled after failing")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the endpoints in the chosen state."""
        wanted = ENDPOINT_HEALTH.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted)


@admin.register(Endpoint)
class EndpointAdmin(StaffModelAdmin):
    """Endpoints and their health. Custom headers are not shown: they may contain the company's credentials."""

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
        """Send it again now, with a full new series of attempts."""
        with tenant_context(delivery.tenant):
            if not resend_deliveries(deliveries=[delivery], actor=staff_principal(request), reason=reason):
                raise NotFound
        return f"{delivery.public_id} of {delivery.company.name} is being sent again."


@admin.register(Attempt)
class AttemptAdmin(StaffModelAdmin):
    """The results of delivery attempts. The receiver's responses are not shown to staff."""

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
