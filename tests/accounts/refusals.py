"""Triggers for the refusals of account pages (see tests.contracts.refusals)."""

from django.test import override_settings

from accounts.models import Membership
from accounts.roles import Role
from accounts.services import invite_member, suspend_company
from core.tenancy import tenant_context
from tests.contracts.refusing import Outcome, page, refusal
from tests.factories import SYSTEM, World, join, make_company, make_user


@refusal
def already_member(world: World) -> Outcome:
    return page(world, world.owner, "/team/invite/", email=world.teammate.email, role=Role.VIEWER)


@refusal
def last_owner(world: World) -> Outcome:
    return page(world, world.owner, "/team/leave/")


@refusal
def role_too_high(world: World) -> Outcome:
    admin = make_user("admin")
    join(world.company, admin, Role.ADMIN)
    with tenant_context(world.tenant()):
        owner = Membership.objects.get(user=world.owner)
    return page(world, admin, f"/team/{owner.public_id}/remove/", says="You do not have permission")


@refusal
def invitation_mismatch(world: World) -> Outcome:
    with tenant_context(world.tenant()):
        inviter = Membership.objects.select_related("user").get(user=world.owner)
        _, token = invite_member(email="grace@example.com", role=Role.VIEWER, inviter=inviter, actor=SYSTEM)
    return page(world, world.teammate, f"/invitations/{token}/")


@refusal
def invitation_lapsed(world: World) -> Outcome:
    guest = make_user("guest")
    with tenant_context(world.tenant()):
        inviter = Membership.objects.select_related("user").get(user=world.owner)
        _, token = invite_member(email=guest.email, role=Role.VIEWER, inviter=inviter, actor=SYSTEM)
        Membership.objects.filter(id=inviter.id).update(role=Role.DEVELOPER)
    return page(world, guest, f"/invitations/{token}/")


@refusal
def invitation_limit_reached(world: World) -> Outcome:
    with override_settings(INVITATIONS_PER_DAY=0):
        return page(world, world.owner, "/team/invite/", email=make_user("guest").email, role=Role.VIEWER)


@refusal
def company_may_not_invite(world: World) -> Outcome:
    suspend_company(company=world.company, reason="test", actor=SYSTEM)
    return page(world, world.owner, "/team/invite/", email=make_user("guest").email, role=Role.VIEWER)


@refusal
def company_limit_reached(world: World) -> Outcome:
    for each in range(4):
        make_company(f"Company {each}", world.owner)
    return page(world, world.owner, "/companies/new/", name="One more")


@refusal
def company_creation_closed(world: World) -> Outcome:
    with override_settings(COMPANY_CREATION="closed"):
        return page(world, world.owner, "/companies/new/", name="One more")


@refusal
def slug_taken(world: World) -> Outcome:
    return page(world, world.owner, "/settings/", name="Acme", slug=world.other_company.slug)


@refusal
def own_second_factor_missing(world: World) -> Outcome:
    return page(
        world,
        world.owner,
        "/settings/policies/",
        require_second_factor="on",
        grace_days="0",
        says="Set yours up first",
    )
