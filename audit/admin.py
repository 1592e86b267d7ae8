"""Staff read the trail and the request log of every company; each look is on the record itself (core.staff)."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from audit.models import AuditEntry, RequestLog, StaffEntry, UnownedRequest
from core import clock
from core.ids import first_id
from core.staff import StaffModelAdmin


class LastDays(admin.SimpleListFilter):
    """Narrows to the last days, as a range of identifiers: it is the partitions that are chosen."""

    title = "time"
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the lengths of time."""
        return [("1", "Last 24 hours"), ("7", "Last 7 days"), ("30", "Last 30 days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow to what was made since."""
        days = self.value()
        if days not in ("1", "7", "30"):
            return queryset
        return queryset.filter(pk__gte=first_id(clock.now() - timedelta(days=int(days))))


class _LogAdmin(StaffModelAdmin):
    ordering = ("-id",)
    list_filter_submit = True


@admin.register(AuditEntry)
class AuditEntryAdmin(_LogAdmin):
    """Security events of all companies."""

    list_display = ("created", "company", "mode", "action", "actor_name", "target_id", "ip")
    list_select_related = ("company",)
    list_filter = (LastDays, "mode", "actor_kind")
    search_fields = ("=action", "=actor_id", "=target_id", "=request_id", "=company__slug")
    search_help_text = (
        "Exactly: an action, an actor's or target's identifier, a request id or a company's short name."
    )


@admin.register(StaffEntry)
class StaffEntryAdmin(_LogAdmin):
    """Events that belong to no company: unknown secrets, failed sign-ins, looks across companies."""

    list_display = ("created", "action", "actor_name", "target_id", "ip")
    list_filter = (LastDays, "actor_kind")
    search_fields = ("=action", "=actor_id", "=target_id", "=request_id")
    search_help_text = "Exactly: an action, an actor's or target's identifier, or a request id."


@admin.register(RequestLog)
class RequestLogAdmin(_LogAdmin):
    """Requests of all companies."""

    list_display = (
        "public_id",
        "company",
        "mode",
        "method",
        "path",
        "status",
        "refused_by",
        "key_name",
        "ip",
    )
    list_select_related = ("company",)
    list_filter = (LastDays, "mode", "method")
    search_fields = ("=refused_by", "=path", "=key_name", "=company__slug")
    search_help_text = "Exactly: an error code, a path, a key's name or a company's short name."


@admin.register(UnownedRequest)
class UnownedRequestAdmin(_LogAdmin):
    """Requests without a valid credential."""

    list_display = ("public_id", "method", "path", "status", "refused_by", "ip")
    list_filter = (LastDays, "method")
    search_fields = ("=refused_by", "=ip")
    search_help_text = "Exactly: an error code or an address."
