"""What every page of the staff site shares (docs/architecture.md, Pages): staff read across companies, each look is on the record, and
whatever changes something takes a permission of its own, a recent login, a reason, and the name of the one company it is for.

App admins subclass `StaffModelAdmin`. Its pages run inside `system_context` (`config.admin.StaffSite` opens it); opening
one company's object writes `staff.viewed` into that company's own audit trail, a list writes `staff.listed` into the trail of
every company with a row on it.
"""

from collections.abc import Callable, Iterable, Sequence
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

# A list says how many rows there are up to this many: counting a log of millions would take longer than showing it.
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
    sentence: ClassVar[str] = "viewed a list that included objects of the company"
    public: ClassVar[bool] = False


def staff_principal(request: HttpRequest) -> Principal:
    """Return the member of staff as the actor of a service call."""
    user: Any = request.user
    return actor_of(request, kind="staff", id=user.public_id, name=user.display_name)


def tenant_of(obj: Model) -> Tenant | None:
    """Return the tenant in whose audit trail a look at `obj` belongs, or None for what no company owns."""
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
    """Why a member of staff does something, which the company reads in its audit trail, and to whom."""

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

    def in_the_look_of_the_site(self) -> "ReasonForm":
        """Give every control the classes that the staff site's style sheet knows: a control without them has no border."""
        for field in self.fields.values():
            classes = next(
                (of for kind, of in _CLASSES.items() if isinstance(field.widget, kind)), INPUT_CLASSES
            )
            field.widget.attrs["class"] = " ".join(classes)
        return self

    def show_present(self, objects: Sequence[Any]) -> None:
        """Say beside the fields what is so now of the objects that were selected; a form with such fields overrides it."""

    def is_for(self, owners: Iterable[str]) -> bool:
        """Tell whether what was typed is the short name of all that was selected; otherwise say so on the field."""
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

    It is offered to, and taken from, staff with `permission` (`app_label.codename`) who have signed in recently, and reaches
    objects of the one company that they name. `fields` are the other cleaned values of `form`. `perform` returns the sentence
    that says what is so now. An error the domain raises on purpose is shown, and so is that an object has been deleted in the
    meantime; nothing of that one is written, and the other selected objects are still done.
    A page of one object has a button for it while `when(obj)`; from there the member of staff comes back to that page.
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
            asked.show_present(chosen)
            if not (asked.is_valid() and asked.is_for(self.short_name(obj) for obj in chosen)):
                self.record_list(request, chosen)
                return TemplateResponse(
                    request,
                    "staff/reason.html",
                    {
                        **self.admin_site.each_context(request),
                        "title": description,
                        "form": asked.in_the_look_of_the_site(),
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
    """Return the row whose public identifier `text` is, or those that refer to the object it names: the messages of a `co_…`.

    None when it is no identifier, or one that these rows have nothing to do with.
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
    """An action on the page of one object: posted to the list that performs it, which leads back to the page."""

    label: str
    action: str
    list_address: str
    pk: str


class StaffModelAdmin(ModelAdmin):
    """Base of every admin: read-only unless a subclass says otherwise, and each look is audited."""

    change_form_outer_before_template = "staff/buttons.html"
    show_full_result_count = False
    list_per_page = 50
    search_help_text = "Search, or paste an ID: co_…, key_…"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Objects are made by services, not here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Objects are changed by actions with a reason, not by forms."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted here."""
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the actions that the member of staff has the permission for."""
        found: dict[str, Any] = super().get_actions(request)
        return {name: each for name, each in found.items() if request.user.has_perm(each[0].permission)}

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        """Offer the search on every list: an identifier narrows each of them."""
        return super().get_search_fields(request) or ("pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Narrow to the row of a public identifier, or to the rows that belong to the object of one; else by the columns."""
        narrowed = rows_of_identifier(queryset, search_term.strip())
        if narrowed is not None:
            return narrowed, False
        if not super().get_search_fields(request):
            return (queryset.none() if search_term.strip() else queryset), False
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        return found

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Narrow a list by the filters that stand beside it, and by nothing else.

        Django lets an address filter by any column of the row, with any look-up. `?password__regex=` then reads a column
        that no page shows, a letter at a time.
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
        """Return what staff type to say whom an action on `obj` is for: the short name of its company."""
        return str(getattr(obj, "company", obj).slug)

    def tenants_of(self, objects: Iterable[Model]) -> dict[Tenant, list[Model]]:
        """Return `objects` by the tenant in whose trail a look at each belongs; none for what no company owns."""
        found: dict[Tenant, list[Model]] = {}
        for obj in objects:
            if (tenant := tenant_of(obj)) is not None:
                found.setdefault(tenant, []).append(obj)
        return found

    def buttons_for(self, request: HttpRequest, obj: Model) -> list[ActionButton]:
        """Return the actions that apply to `obj` as it is, and that the member of staff has the permission for."""
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
        """Show one object with the actions on it, and write the look into its company's audit trail."""
        obj = self.record_look(request, object_id)
        buttons = [] if obj is None else self.buttons_for(request, obj)
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "buttons": buttons}
        )
        return response

    def history_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show what Django's own log has of the object; it names it, so it is a look as well."""
        self.record_look(request, object_id)
        response: HttpResponse = super().history_view(request, object_id, *args, **kwargs)
        return response

    def record_look(self, request: HttpRequest, object_id: str) -> Model | None:
        """Write into its company's trail that the object is looked at; returns it. Raises PermissionDenied."""
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
        """List objects across companies, and record the look: with its filters for staff, with its rows for companies."""
        page = self.model._meta.label_lower
        publish_unowned(
            StaffListed(
                object_id=page, detail={"page": page, "query": request.META.get("QUERY_STRING", "")[:500]}
            ),
            actor=staff_principal(request),
        )
        response: HttpResponse = super().changelist_view(request, *args, **kwargs)
        if isinstance(response, TemplateResponse) and "cl" in (response.context_data or {}):
            self.record_list(request, response.context_data["cl"].result_list)  # type: ignore[index]
        return response

    def record_list(self, request: HttpRequest, objects: Iterable[Model]) -> None:
        """Write into the trail of every company which of its objects are on a page. What staff searched for is not its
        business: the words may name somebody else."""
        page = self.model._meta.label_lower
        for tenant, rows in self.tenants_of(objects).items():
            event = StaffListed(
                object_id=page, detail={"page": page, "objects": [_id_of(row) for row in rows]}
            )
            with tenant_context(tenant):
                publish(event, actor=staff_principal(request))


def _id_of(obj: Model) -> str:
    return str(getattr(obj, "public_id", obj.pk))
