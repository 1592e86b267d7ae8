"""The audit trail and request log of every company on the staff site. Staff access is audited too (core.ui.staff)."""

import ipaddress
from collections.abc import Sequence
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from accounts.models import Company
from audit.models import AuditEntry, RequestLog, StaffEntry, UnownedRequest
from audit.sentences import sentence_of
from core import clock
from core.ui.finding import identifier_in
from core.ui.staff import MOST_COUNTED, StaffModelAdmin, rows_of_identifier
from core.values import ids
from core.values.ids import first_id
from core.values.labels import EMPTY


class LastDays(admin.SimpleListFilter):
    """Filters by the last days, as a range of ids, so that PostgreSQL prunes partitions."""

    title = "time"
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the periods."""
        return [("1", "Last 24 hours"), ("7", "Last 7 days"), ("30", "Last 30 days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows created since then."""
        days = self.value()
        if days not in ("1", "7", "30"):
            return queryset
        return queryset.filter(pk__gte=first_id(clock.now() - timedelta(days=int(days))))


class OutcomeFilter(admin.SimpleListFilter):
    """Filters by status class, without querying the log for its statuses."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the classes."""
        return [("2", "2xx success"), ("4", "4xx refused"), ("5", "5xx failed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows in the chosen class."""
        first = self.value()
        if first not in ("2", "4", "5"):
            return queryset
        return queryset.filter(status__gte=int(first) * 100, status__lt=int(first) * 100 + 100)


class BoundedPaginator(Paginator):
    """Counts at most MOST_COUNTED rows; older ones are reachable through the filters."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, or MOST_COUNTED."""
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_COUNTED].count())


class _LogAdmin(StaffModelAdmin):
    """A log, newest first, with row labels short enough for a phone."""

    ordering = ("-id",)
    list_filter_submit = True
    paginator = BoundedPaginator

    @admin.display(description="when (UTC)", ordering="id")
    def at(self, row: Any) -> str:
        """The time to the second, because the order of events matters."""
        return f"{getattr(row, 'created', None) or row.arrived:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="what happened")
    def sentence(self, row: Any) -> str:
        """The sentence shown to the company, with the object's id."""
        return sentence_of(row)

    @admin.display(description="target")
    def target(self, row: Any) -> str:
        """The ID of the target, or what it is a list of."""
        return str(row.target_text)

    @admin.display(description="ID")
    def identifier(self, row: Any) -> str:
        """The public id."""
        return str(row.public_id)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search for a row by id, a company's rows by its short name or id, or by a column."""
        term = search_term.strip()
        if not term:
            return queryset, False
        narrowed = rows_of_identifier(queryset, term)
        if narrowed is not None:
            return narrowed, False
        known = identifier_in(term)
        if known and known[0] == "key" and self.model is RequestLog:
            return queryset.filter(key=known[1]), False
        if hasattr(self.model, "company"):
            company = Company.objects.filter(slug=term).first()
            if company is not None:
                return queryset.filter(company=company), False
        columns = [name for name in self.search_fields if name != "ip" or _is_address(term)]
        return queryset.filter(reduce(or_, (Q(**{name: term}) for name in columns))), False


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@admin.register(AuditEntry)
class AuditEntryAdmin(_LogAdmin):
    """Security events of all companies."""

    list_display = ("at", "company", "mode", "sentence", "action", "target", "ip")
    list_select_related = ("company",)
    list_filter = (LastDays, "mode", "actor_kind")
    search_fields = ("action", "actor_id", "target_id", "request_id", "ip")
    search_help_text = (
        "Exact match: a company's short name or co_ identifier, an action, an actor's, target's or request's identifier, "
        "or an address."
    )


@admin.register(StaffEntry)
class StaffEntryAdmin(_LogAdmin):
    """Events that belong to no company: unknown secrets, failed sign-ins, cross-company access by staff."""

    list_display = ("at", "sentence", "action", "target", "ip")
    list_filter = (LastDays, "actor_kind")
    search_fields = ("action", "actor_id", "target_id", "request_id", "ip")
    search_help_text = "Exact match: an action, an actor's, target's or request's identifier, or an address."


@admin.register(RequestLog)
class RequestLogAdmin(_LogAdmin):
    """Requests of all companies."""

    list_display = (
        "at", "identifier", "company", "mode", "method", "path", "status", "refused_by", "key_name", "ip",
    )  # fmt: skip
    list_select_related = ("company",)
    list_filter = (LastDays, OutcomeFilter, "mode")
    search_fields = ("refused_by", "path", "key_name", "ip")
    search_help_text = (
        "Exact match: a company's short name or co_ identifier, a req_ or key_ identifier, an error code, a path, a key's name or "
        "an address."
    )

    @admin.display(description="key")
    def client_id(self, row: RequestLog) -> str:
        """The Client ID, which is kept as the UUID in it."""
        return ids.encode("key", row.key) if row.key else EMPTY

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[Any]:
        """Show the key by its Client ID."""
        return [self.client_id if name == "key" else name for name in super().get_fields(request, obj)]


@admin.register(UnownedRequest)
class UnownedRequestAdmin(_LogAdmin):
    """Requests without a valid credential."""

    list_display = ("at", "identifier", "method", "path", "status", "refused_by", "ip")
    list_filter = (LastDays, OutcomeFilter)
    search_fields = ("refused_by", "ip")
    search_help_text = "Exact match: a req_ identifier, an error code or an address."
