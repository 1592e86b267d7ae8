"""What every page of the staff site shares (DESIGN §15): staff read across companies, each look is on the record, and
whatever changes something asks for a reason.

App admins subclass `StaffModelAdmin`. Its pages run inside `system_context` (`config.admin.StaffSite` opens it); opening
one company's object writes `staff.viewed` into that company's own audit trail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from core.errors import DomainError
from core.events import Event, publish, publish_unowned
from core.principal import Principal
from core.requests import actor_of
from core.tenancy import CompanyModel, Tenant, TenantModel, tenant_context


@dataclass(frozen=True, kw_only=True)
class StaffViewed(Event):
    """A member of staff opened an object of a company."""

    type: ClassVar[str] = "staff.viewed"
    public: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class StaffListed(Event):
    """A member of staff listed objects across companies."""

    type: ClassVar[str] = "staff.listed"
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


class ReasonForm(forms.Form):
    """Why a member of staff does something; it stands in the company's audit trail."""

    reason = forms.CharField(
        min_length=5,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The company reads this in its audit trail.",
    )


def reason_action(
    *, description: str, form: type[ReasonForm] = ReasonForm
) -> Callable[[Callable[..., None]], Callable[..., HttpResponse | None]]:
    """Turn `perform(self, request, obj, **fields)` into an admin action that first asks for a reason.

    `fields` are the cleaned values of `form`. An error the domain raises on purpose is shown, and the other selected
    objects are still done.
    """

    def decorate(perform: Callable[..., None]) -> Callable[..., HttpResponse | None]:
        @admin.action(description=description)
        def action(self: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
            asked = form(request.POST if "confirmed" in request.POST else None)
            if not asked.is_valid():
                return TemplateResponse(
                    request,
                    "staff/reason.html",
                    {
                        **self.admin_site.each_context(request),
                        "title": description,
                        "form": asked,
                        "objects": list(queryset),
                        "action": action.__name__,
                        "opts": self.model._meta,
                    },
                )
            for obj in queryset:
                try:
                    perform(self, request, obj, **asked.cleaned_data)
                except DomainError as error:
                    messages.error(request, f"{obj}: {error.detail}")
                else:
                    messages.success(request, f"{obj}: done.")
            return None

        action.__name__ = perform.__name__
        action.__doc__ = perform.__doc__
        return action

    return decorate


class StaffModelAdmin(ModelAdmin):
    """Base of every admin: read-only unless a subclass says otherwise, and each look is audited."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Objects are made by services, not here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Objects are changed by actions with a reason, not by forms."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted here."""
        return False

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show one object, and write the look into its company's audit trail."""
        self._record_look(request, object_id)
        return super().change_view(request, object_id, *args, **kwargs)

    def history_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show what Django's own log has of the object; it names it, so it is a look as well."""
        self._record_look(request, object_id)
        return super().history_view(request, object_id, *args, **kwargs)

    def _record_look(self, request: HttpRequest, object_id: str) -> None:
        obj = self.get_object(request, object_id)
        if obj is not None and not self.has_view_permission(request, obj):
            raise PermissionDenied
        if obj is not None:
            event = StaffViewed(
                object_id=getattr(obj, "public_id", str(obj.pk)),
                detail={"page": self.model._meta.label_lower},
            )
            tenant = tenant_of(obj)
            if tenant is None:
                publish_unowned(event, actor=staff_principal(request))
            else:
                with tenant_context(tenant):
                    publish(event, actor=staff_principal(request))

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """List objects across companies, and record the look with its filters."""
        publish_unowned(
            StaffListed(
                object_id=self.model._meta.label_lower,
                detail={
                    "page": self.model._meta.label_lower,
                    "query": request.META.get("QUERY_STRING", "")[:500],
                },
            ),
            actor=staff_principal(request),
        )
        return super().changelist_view(request, *args, **kwargs)
