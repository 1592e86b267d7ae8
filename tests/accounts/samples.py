"""Sample objects for the account pages."""

import secrets
from collections.abc import Callable

from accounts.models import Company, Membership
from accounts.roles import Role
from accounts.selectors import list_open_invitations
from accounts.services import invite_member, save_filter
from core.tenancy import Tenant, tenant_context
from tests.factories import SYSTEM, join, make_user


def make_membership(tenant: Tenant) -> str:
    """Return the id of a viewer's membership."""
    company = Company(id=tenant.company_id)
    return join(company, make_user("member"), Role.VIEWER).public_id


def make_invitation(tenant: Tenant) -> str:
    """Return the id of an open invitation: one there is already, as a company may send few in its first day."""
    with tenant_context(tenant):
        if found := list_open_invitations():
            return found[0].public_id
        inviter = Membership.objects.select_related("user").filter(role=Role.OWNER).first()
        invitation, _ = invite_member(
            email=f"{secrets.token_hex(6)}@example.com", role=Role.VIEWER, inviter=inviter, actor=SYSTEM
        )
    return invitation.public_id


def make_saved_filter(tenant: Tenant) -> str:
    """Return the id of a filter that an owner has saved, on the list of requests."""
    with tenant_context(tenant):
        member = Membership.objects.filter(role=Role.OWNER).first()
        saved = save_filter(member=member, page="/requests/", query="status=4xx", name=secrets.token_hex(6))
    return saved.public_id


PAGE_OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "team/invitations/": make_invitation,
    "team/": make_membership,
    "saved-filters/": make_saved_filter,
}
