"""Companies and people on the staff site."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.models import Company, Membership, User
from accounts.selectors import COMPANY_STATES
from accounts.services import resume_company, suspend_company
from core.tenancy import Tenant
from core.ui.staff import StaffModelAdmin, reason_action, staff_principal


class CompanyState(admin.SimpleListFilter):
    """Filter of companies by state: active, suspended, or waiting for approval."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [("working", "Working"), ("suspended", "Suspended"), ("approval", "Waiting for approval")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the companies in the chosen state."""
        wanted = COMPANY_STATES.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted)


def _works(company: Company) -> bool:
    return company.suspended_at is None


def _is_suspended(company: Company) -> bool:
    return company.suspended_at is not None


@admin.register(Company)
class CompanyAdmin(StaffModelAdmin):
    """Find a company, suspend it, resume it."""

    list_display = ("name", "slug", "tier", "suspended_at", "created")
    list_filter = ("tier", CompanyState)
    search_fields = ("name", "slug")
    actions = ("suspend", "resume")

    @reason_action(description="Suspend company", permission="accounts.suspend_company", when=_works)
    def suspend(self, request: HttpRequest, company: Company, *, reason: str) -> str:
        """Stop its keys, sends and deliveries immediately."""
        suspend_company(company=company, reason=reason, actor=staff_principal(request))
        return f"{company.name} is suspended: its keys are refused, and its messages and webhooks are held."

    @reason_action(description="Resume company", permission="accounts.resume_company", when=_is_suspended)
    def resume(self, request: HttpRequest, company: Company, *, reason: str) -> str:
        """Lift the suspension. Pending sends and deliveries resume."""
        resume_company(company=company, reason=reason, actor=staff_principal(request))
        return f"{company.name} is active again; held messages and webhooks are sent."


@admin.register(Membership)
class MembershipAdmin(StaffModelAdmin):
    """Who belongs to which company."""

    list_display = ("user", "company", "role", "created")
    list_filter = ("role",)
    search_fields = ("user__email", "company__name")
    list_select_related = ("user", "company")


@admin.register(User)
class UserAdmin(StaffModelAdmin):
    """People. Passwords and second factors are not shown."""

    list_display = ("email", "name", "is_staff", "is_active", "last_login", "created")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name")
    exclude = ("password",)

    def tenants_of(self, objects: Iterable[Any]) -> dict[Tenant, list[Model]]:
        """Viewing a person is recorded in every company they belong to."""
        people = {person.pk: person for person in objects}
        found: dict[Tenant, list[Model]] = {}
        for membership in Membership.objects.filter(user__in=people):
            found.setdefault(Tenant(membership.company_id, "live"), []).append(people[membership.user_id])
        return found
