"""Base classes of the staff site (docs/architecture.md, Pages): staff can read across companies, every view is audited, and
every change requires its own permission, a recent sign-in, a reason, and the name of the one company it concerns.

App admins subclass `StaffModelAdmin`. Its pages run inside `system_context` (opened by `config.admin.StaffSite`). Viewing an
object writes `staff.viewed` to its company's audit trail; a list writes `staff.listed` to that of every company with a row on it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import FieldListFilter, SimpleListFilter
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import DatabaseError, transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES, TEXTAREA_CLASSES

from core.errors import DomainError
from core.events import Event, publish, publish_unowned
from core.http.own_pages import own_page
from core.http.requests import actor_of
from core.principal import Principal
from core.tenancy import CompanyModel, Tenant, TenantModel, tenant_context
from core.ui.finding import identifier_in
from core.ui.staff_columns import column

# Lists show an exact count up to this many rows. Counting a log of millions would take longer than showing it.
MOST_COUNTED = 5_000


@dataclass(frozen=True, kw_only=True)
class StaffViewed(Event):
    """A member of staff opened an object of a company."""

    type: ClassVar[str] = "staff.viewed"
    sentence: ClassVar[str] = "viewed {target}"
    public: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class StaffListed(Event):
    """A member of staff had objects of the company on a list. What they searched for, only staff see."""

    type: ClassVar[str] = "staff.listed"
    sentence: ClassVar[str] = "saw {what} in a list across companies"
    public: ClassVar[bool] = False


def staff_principal(request: HttpRequest) -> Principal:
    """Return the member of staff as the actor of a service call."""
    user: Any = request.user
    return actor_of(request, kind="staff", id=user.public_id, name=user.display_name)


def tenant_of(obj: Model) -> Tenant | None:
    """Return the tenant whose audit trail records views of `obj`, or None if no company owns it."""
    if isinstance(obj, TenantModel):
        return obj.tenant
    if isinstance(obj, CompanyModel):
        return Tenant(obj.company_id, "live")
    return getattr(obj, "live_tenant", None)


_CLASSES: dict[type[forms.Widget], list[str]] = {
    forms.Textarea: TEXTAREA_CLASSES,
    forms.Select: SELECT_CLASSES,
}


class ReasonForm(forms.Form):
    """Asks staff for the reason for an action, which the company sees in its audit trail, and for the company's short name."""

    # Whether the form asks for the limits of one company, beside which their use is shown.
    asks_for_limits = False

    named = forms.CharField(
        max_length=60,
        label="Short name",
        help_text="Type the short name of the company this is for, to confirm.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reason = forms.CharField(
        min_length=5,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Shown to the company in its audit trail.",
    )

    def with_site_style(self) -> "ReasonForm":
        """Add the CSS classes of the staff site to every control. Without them, controls have no border."""
        for field in self.fields.values():
            classes = next(
                (of for kind, of in _CLASSES.items() if isinstance(field.widget, kind)), INPUT_CLASSES
            )
            field.widget.attrs["class"] = " ".join(classes)
        return self

    def show_current_values(self, objects: Sequence[Any]) -> None:
        """Show the selected objects' current values next to the fields. Forms with such fields override this."""

    def show_uses(self, uses: Mapping[str, str]) -> None:
        """Show how much of each limit the company uses. Forms with `asks_for_limits` override this."""

    def confirms_owner(self, owners: Iterable[str]) -> bool:
        """Whether the typed short name is that of all selected objects. If not, add an error to the field."""
        if {*owners} == {self.cleaned_data["named"].strip()}:
            return True
        self.add_error("named", "This is not the short name of the company that owns all selected objects.")
        return False


def _always(obj: Any) -> bool:
    return True


def reason_action(
    *,
    description: str,
    permission: str,
    form: type[ReasonForm] = ReasonForm,
    when: Callable[[Any], bool] = _always,
) -> Callable[[Callable[..., str]], Callable[..., HttpResponse | None]]:
    """Turn `perform(self, request, obj, **fields)` into an admin action that first asks for a reason.

    The action is available to staff with `permission` (`app_label.codename`) and a recent sign-in, and applies to objects of the
    one company that they name. `fields` are the other cleaned values of `form`. `perform` returns a message that describes the
    result. Domain errors are shown, as are objects deleted in the meantime; such an object is left unchanged, and the other
    selected objects are still processed. The page of one object has a button for the action if `when(obj)`, and the action
    returns there.
    """

    def decorate(perform: Callable[..., str]) -> Callable[..., HttpResponse | None]:
        @admin.action(description=description)
        def action(self: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            back = own_page(request, request.POST.get("back", ""))
            again: HttpResponse | None = self.admin_site.require_recent_login(
                request, back=back or request.get_full_path()
            )
            if again:
                return again
            chosen = list(queryset)
            asked = form(request.POST if "confirmed" in request.POST else None)
            asked.show_current_values(chosen)
            self.admin_site.show_current_uses(asked, chosen)
            if not (asked.is_valid() and asked.confirms_owner(self.short_name(obj) for obj in chosen)):
                self.record_list(request, chosen)
                return TemplateResponse(
                    request,
                    "staff/reason.html",
                    {
                        **self.admin_site.each_context(request),
                        "title": description,
                        "form": asked.with_site_style(),
                        "objects": [(obj, _id_of(obj), self.short_name(obj)) for obj in chosen],
                        "action": action.__name__,
                        "back": back,
                        "opts": self.model._meta,
                    },
                )
            fields = {name: value for name, value in asked.cleaned_data.items() if name != "named"}
            for obj in chosen:
                try:
                    with transaction.atomic():
                        result = perform(self, request, obj, **fields)
                except (DomainError, ObjectDoesNotExist, DatabaseError) as error:
                    if not self.get_queryset(request).filter(pk=obj.pk).exists():
                        messages.error(request, f"{obj} no longer exists: it was deleted in the meantime.")
                    elif isinstance(error, DomainError):
                        messages.error(request, f"{obj}: {error.page_detail}")
                    else:
                        raise
                else:
                    messages.success(request, result)
            return HttpResponseRedirect(back) if back else None

        action.__name__ = perform.__name__
        action.__doc__ = perform.__doc__
        action.permission = permission  # type: ignore[attr-defined]
        action.applies = when  # type: ignore[attr-defined]
        return action

    return decorate


def rows_of_identifier(queryset: QuerySet[Any], text: str) -> QuerySet[Any] | None:
    """Filter for the row with the public ID `text`, or for rows that refer to the object with that ID (a company's messages).

    Returns None if it is not an ID, or if its type is unrelated to these rows.
    """
    known = identifier_in(text)
    if known is None:
        return None
    prefix, value = known
    model = queryset.model
    if getattr(model, "id_prefix", None) == prefix:
        return queryset.filter(pk=value)
    wanted = [
        Q(**{field.attname: value})
        for field in model._meta.concrete_fields
        if field.related_model is not None and getattr(field.related_model, "id_prefix", None) == prefix
    ]
    return queryset.filter(reduce(or_, wanted)) if wanted else None


@dataclass(frozen=True, slots=True)
class ActionButton:
    """An action button on the page of one object. It posts to the list view, which redirects back."""

    label: str
    action: str
    list_address: str
    pk: str


class StaffModelAdmin(ModelAdmin):
    """Base class of all admins: read-only unless a subclass says otherwise, with every view audited."""

    change_form_outer_before_template = "staff/buttons.html"
    show_full_result_count = False
    # What this admin calls its columns, where core.ui.staff_columns has no better name for them.
    labels: ClassVar[Mapping[str, str]] = {}
    list_per_page = 50
    search_help_text = "Search, or paste an ID: co_…, key_…"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Objects are created by services, not here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Objects are changed by actions with a reason, not by forms."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted here."""
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions that the member of staff has permission for."""
        found: dict[str, Any] = super().get_actions(request)
        return {name: each for name, each in found.items() if request.user.has_perm(each[0].permission)}

    def get_list_display(self, request: HttpRequest) -> Sequence[Any]:
        """Return the columns, called and written as people read them."""
        return [column(self.model, name, self.labels) for name in super().get_list_display(request)]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[Any]:
        """Return the fields of a page, called and written as people read them."""
        return [column(self.model, name, self.labels) for name in super().get_fields(request, obj)]

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        """Enable search on every list, because all of them can be filtered by ID."""
        return super().get_search_fields(request) or ("pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Filter by a public ID (of a row, or of an object that rows refer to), otherwise by the search fields."""
        narrowed = rows_of_identifier(queryset, search_term.strip())
        if narrowed is not None:
            return narrowed, False
        if not super().get_search_fields(request):
            return (queryset.none() if search_term.strip() else queryset), False
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        return found

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow only the list's declared filters.

        Django allows filtering by any column with any lookup. `?password__regex=` could then reveal a column that no page
        shows, one character at a time.
        """
        assert request is not None
        return lookup in self._filter_parameters(request)

    def _filter_parameters(self, request: HttpRequest) -> set[str]:
        names: set[str] = set()
        for each in self.get_list_filter(request):
            if isinstance(each, type) and issubclass(each, SimpleListFilter):
                names.add(str(each.parameter_name))
                continue
            path, kind = each if isinstance(each, (tuple, list)) else (each, FieldListFilter.create)
            field = get_fields_from_path(self.model, path)[-1]
            names.update(kind(field, request, {}, self.model, self, field_path=path).expected_parameters())
        return names

    def short_name(self, obj: Any) -> str:
        """Return the text that staff type to confirm an action on `obj`: the short name of its company."""
        return str(getattr(obj, "company", obj).slug)

    def tenants_of(self, objects: Iterable[Model]) -> dict[Tenant, list[Model]]:
        """Group `objects` by the tenant whose audit trail records views of them, without objects that no company owns."""
        found: dict[Tenant, list[Model]] = {}
        for obj in objects:
            if (tenant := tenant_of(obj)) is not None:
                found.setdefault(tenant, []).append(obj)
        return found

    def buttons_for(self, request: HttpRequest, obj: Model) -> list[ActionButton]:
        """Return the actions that apply to `obj` in its current state and that the member of staff has permission for."""
        options = self.model._meta
        name = f"{self.admin_site.name}:{options.app_label}_{options.model_name}_changelist"
        return [
            ActionButton(str(description), action, reverse(name), str(obj.pk))
            for action, (function, _, description) in self.get_actions(request).items()
            if function.applies(obj)
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one object with its actions, and record the view in its company's audit trail."""
        obj = self.record_view(request, object_id)
        buttons = [] if obj is None else self.buttons_for(request, obj)
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "buttons": buttons}
        )
        return response

    def history_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the object's history in Django's log. It shows the object's name, so it is recorded as a view too."""
        self.record_view(request, object_id)
        response: HttpResponse = super().history_view(request, object_id, *args, **kwargs)
        return response

    def record_view(self, request: HttpRequest, object_id: str) -> Model | None:
        """Record in its company's audit trail that the object was viewed, and return it. Raises PermissionDenied."""
        obj: Model | None = self.get_object(request, object_id)
        if obj is None:
            return None
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        event = StaffViewed(object_id=_id_of(obj), detail={"page": self.model._meta.label_lower})
        tenants = self.tenants_of([obj])
        if not tenants:
            publish_unowned(event, actor=staff_principal(request))
        for tenant in tenants:
            with tenant_context(tenant):
                publish(event, actor=staff_principal(request))
        return obj

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """List objects across companies, and record the view: with its filters for staff, with its rows for the companies."""
        options = self.model._meta
        page, what = options.label_lower, str(options.verbose_name_plural)
        query = request.META.get("QUERY_STRING", "")[:500]
        publish_unowned(
            StaffListed(object_id=page, detail={"page": page, "what": what, "query": query}),
            actor=staff_principal(request),
        )
        response: HttpResponse = super().changelist_view(request, *args, **kwargs)
        if isinstance(response, TemplateResponse) and "cl" in (response.context_data or {}):
            self.record_list(request, response.context_data["cl"].result_list)  # type: ignore[index]
        return response

    def record_list(self, request: HttpRequest, objects: Iterable[Model]) -> None:
        """Record in every company's audit trail which of its objects a page lists. The search terms are left out, because
        they may concern another company."""
        page = self.model._meta.label_lower
        for tenant, rows in self.tenants_of(objects).items():
            name = self.model._meta.verbose_name_plural
            is_company = hasattr(rows[0], "live_tenant")
            what = "the company" if is_company else f"{len(rows):,} of the company's {name}"
            detail = {"page": page, "what": what, "objects": [_id_of(row) for row in rows]}
            event = StaffListed(object_id=page, detail=detail)
            with tenant_context(tenant):
                publish(event, actor=staff_principal(request))


def _id_of(obj: Model) -> str:
    return str(getattr(obj, "public_id", obj.pk))
