"""Queries for companies and their members."""

import hashlib
import uuid
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.db.models import Q

from accounts.links import read_copied
from accounts.models import AWAITING, Company, Invitation, Membership, SavedFilter, User
from core import clock
from core.errors import NotFound
from core.postgres.later import ending_with_next_query
from core.postgres.orders import NEWEST
from core.tenancy import require_tenant, system_context
from core.values import ids

# Conditions for companies by state, as named on the staff site.
COMPANY_STATES = {
    "working": Q(suspended_at=None),
    "suspended": Q(suspended_at__isnull=False) & ~Q(suspended_reason=AWAITING),
    "approval": Q(suspended_at__isnull=False, suspended_reason=AWAITING),
}


def current_company() -> Company:
    """Return the company of the current tenant."""
    return Company.objects.get(id=require_tenant().company_id)


def memberships_of(user: User) -> list[Membership]:
    """Return every membership of `user` with its company, by company name.

    A person may belong to several companies, so this is a cross-tenant query, before a tenant is known.
    """
    with system_context(reason="memberships of a user"), ending_with_next_query():
        found = list(Membership.objects.filter(user=user).select_related("company").order_by("company__name"))
    for membership in found:
        membership.user = user
    return found


def role_of(user_id: uuid.UUID | None) -> str | None:
    """Return a person's current role in the company; None if they are not a member or may not sign in."""
    if user_id is None:
        return None
    members = Membership.objects.filter(user_id=user_id, user__is_active=True)
    return members.values_list("role", flat=True).first()


def has_second_factor(user_id: uuid.UUID) -> bool:
    """Return whether a person has an authenticator app, passkey or security key. Recovery codes alone do not count."""
    factors = Authenticator.objects.filter(user_id=user_id)
    return bool(factors.exclude(type=Authenticator.Type.RECOVERY_CODES).exists())


def members_without_second_factor() -> list[Membership]:
    """Return the members of the current company who have no second factor."""
    members = list_members()
    protected = set(
        Authenticator.objects.filter(user__in=[member.user_id for member in members])
        .exclude(type=Authenticator.Type.RECOVERY_CODES)
        .values_list("user_id", flat=True)
    )
    return [member for member in members if member.user_id not in protected]


def list_members() -> list[Membership]:
    """Return the members of the current company, owners first."""
    members = Membership.objects.select_related("user").order_by("created")
    return sorted(members, key=lambda m: ["owner", "admin", "developer", "viewer"].index(m.role))


def list_open_invitations() -> list[Invitation]:
    """Return the invitations that can still be accepted."""
    return list(
        Invitation.objects.filter(accepted_at=None, revoked_at=None, expires__gt=clock.now()).order_by(NEWEST)
    )


def list_saved_filters(member: Membership, *, page: str = "") -> list[SavedFilter]:
    """Return the filters saved by `member`, for one list or for all, by name."""
    found = SavedFilter.objects.filter(member=member, removed_at=None)
    return list((found.filter(page=page) if page else found).order_by("page", "name"))


def list_removed_filters(member: Membership, *, since: datetime) -> list[SavedFilter]:
    """Return the saved filters that `member` has removed since `since`, most recent first."""
    return list(SavedFilter.objects.filter(member=member, removed_at__gte=since).order_by("-removed_at"))


def get_saved_filter(member: Membership, public_id: str) -> SavedFilter:
    """Return one of the member's own saved filters, removed or not. Raises NotFound."""
    found = SavedFilter.by_public_id(public_id)
    if found.member_id != member.id:
        raise NotFound
    return found


def owner_emails() -> list[str]:
    """Return the email addresses of the current company's owners, who are notified of important events."""
    return list(
        Membership.objects.filter(role="owner", user__is_active=True).values_list("user__email", flat=True)
    )


def find_invitation(token: str) -> Invitation | None:
    """Return the open invitation whose emailed link has `token`, or None."""
    return _find_open_invitation(token_hash=hashlib.sha256(token.encode()).digest())


def find_copied_invitation(token: str) -> Invitation | None:
    """Return the open invitation whose copied link has `token`, or None. The link does not prove the address."""
    public_id = read_copied(token)
    if public_id is None:
        return None
    return _find_open_invitation(id=ids.decode(Invitation.id_prefix, public_id))


def _find_open_invitation(**which: bytes | uuid.UUID) -> Invitation | None:
    with system_context(reason="invitation by its link"):
        return (
            Invitation.objects.filter(accepted_at=None, revoked_at=None, expires__gt=clock.now(), **which)
            .select_related("company", "invited_by")
            .first()
        )


def find_company(reference: str) -> Company | None:
    """Return the company with this `co_` id or slug, or None. For management commands."""
    company_id: uuid.UUID | None
    try:
        company_id = ids.decode("co", reference)
    except ids.InvalidId:
        company_id = None
    with system_context(reason="company by id or slug"):
        if company_id is not None:
            return Company.objects.filter(id=company_id).first()
        return Company.objects.filter(slug=reference).first()
