"""Inviting members, changing their roles, removing them."""

import hashlib
import secrets
from collections.abc import Iterable
from contextlib import suppress
from operator import attrgetter
from uuid import UUID

from accounts.events import InvitationRevoked, MemberInvited, MemberJoined, MemberRemoved, MemberRoleChanged
from accounts.models import Invitation, Membership, User
from accounts.roles import Role, at_least
from accounts.selectors import current_company, list_open_invitations, role_of
from accounts.services.allowances import check_invitation_limits, take_invitation_turns
from core import clock
from core.errors import DomainError, FieldError, FieldErrors, NotFound
from core.events import publish
from core.http.addresses import client_group
from core.postgres.failures import refusing
from core.postgres.turns import take_turn
from core.principal import Principal
from core.tenancy import Tenant, tenant_context
from core.values import ids
from core.values.email_addresses import InvalidEmail, parse_email


class AlreadyMember(DomainError):
    """The person already belongs to the company, or has an open invitation."""

    code = "already_member"
    status = 409
    only_on_pages = True
    title = "Already a member or invited"
    fix = "Change the member's role instead, or revoke the open invitation first."


class LastOwner(DomainError):
    """A company always has an owner."""

    code = "last_owner"
    status = 409
    only_on_pages = True
    title = "The last owner cannot leave"
    fix = "Make someone else an owner first."


class RoleTooHigh(DomainError):
    """Nobody can give, take or change a role above their own."""

    code = "role_too_high"
    status = 403
    only_on_pages = True
    title = "This role is above yours"
    fix = "Ask an owner."


class InvitationMismatch(DomainError):
    """The invitation was sent to another address than the one signed in with."""

    code = "invitation_mismatch"
    status = 403
    only_on_pages = True
    title = "This invitation is for someone else"
    fix = "Sign in with the address the invitation was sent to."


class CompanyMayNotInvite(DomainError):
    """A suspended company writes to nobody."""

    code = "company_may_not_invite"
    status = 409
    title = "A suspended company cannot invite"
    fix = "Wait until the company is resumed."
    only_on_pages = True


class InvitationLapsed(DomainError):
    """Whoever sent the invitation may not give the role any more: they left, were removed, or have a lower role now."""

    code = "invitation_lapsed"
    status = 409
    title = "This invitation is no longer valid"
    fix = "Ask an owner of the company to invite you again."
    only_on_pages = True


def invite_member(*, email: str, role: str, inviter: Membership, actor: Principal) -> tuple[Invitation, str]:
    """Invite `email`. Returns the invitation and its token, which is only in the email and never stored.

    An expired invitation to the same address is replaced. Raises FieldErrors, AlreadyMember, RoleTooHigh, CompanyMayNotInvite,
    InvitationLimitReached.
    """
    try:
        email = parse_email(email).lower()
    except InvalidEmail as error:
        raise FieldErrors([FieldError("email", error.code, str(error))]) from error
    if not at_least(inviter.role, role):
        raise RoleTooHigh
    if Membership.objects.filter(user__email=email).exists():
        raise AlreadyMember(f"{email} already belongs to this company.")
    company = current_company()
    if company.suspended_at is not None:
        raise CompanyMayNotInvite("The company is suspended.")
    check_invitation_limits(email=email, inviter=inviter.user, company=company, address=actor.ip)
    token = secrets.token_urlsafe(32)
    now = clock.now()
    Invitation.objects.filter(email=email, accepted_at=None, revoked_at=None, expires__lte=now).update(
        revoked_at=now
    )
    with refusing(
        "accounts_invitation_open", lambda: AlreadyMember(f"{email} already has an open invitation.")
    ):
        invitation = Invitation.objects.create(
            email=email,
            role=role,
            token_hash=hashlib.sha256(token.encode()).digest(),
            invited_by=inviter.user,
            invited_from=client_group(actor.ip) if actor.ip else "",
        )
    publish(MemberInvited(object_id=invitation.public_id, detail={"email": email, "role": role}), actor=actor)
    return invitation, token


def revoke_invitation(*, invitation: Invitation, actor: Principal) -> None:
    """Revoke an open invitation. Raises NotFound when it was accepted or revoked concurrently."""
    open_one = Invitation.objects.filter(id=invitation.id, accepted_at=None, revoked_at=None)
    if not open_one.update(revoked_at=clock.now()):
        raise NotFound
    publish(
        InvitationRevoked(object_id=invitation.public_id, detail={"email": invitation.email}), actor=actor
    )


def prepare_resending(*, invitations: Iterable[Invitation], inviter: Membership, actor: Principal) -> None:
    """Take the turns that resending needs. Call this first to resend several invitations in one transaction."""
    take_invitation_turns(
        emails=[each.email for each in invitations],
        inviter=inviter.user,
        company=current_company(),
        address=actor.ip,
    )


def resend_invitation(
    *, invitation: Invitation, inviter: Membership, actor: Principal
) -> tuple[Invitation, str]:
    """Replace an open invitation by a new one from `inviter`, valid for the full period. The old link stops working.

    Returns, counts and raises the same as `invite_member`, and NotFound as `revoke_invitation`.
    """
    prepare_resending(invitations=[invitation], inviter=inviter, actor=actor)
    revoke_invitation(invitation=invitation, actor=actor)
    return invite_member(email=invitation.email, role=invitation.role, inviter=inviter, actor=actor)


def accept_invitation(*, invitation: Invitation, user: User, actor: Principal) -> Membership:
    """Make `user` a member with the invited role. Raises InvitationMismatch, InvitationLapsed or AlreadyMember.

    The inviter's current permissions count, not those at the time of the invitation.
    """
    if user.email != invitation.email:
        raise InvitationMismatch(f"This invitation was sent to {invitation.email}.")
    with tenant_context(Tenant(invitation.company_id, "live")):
        # The row lock serializes a double click; the second finds the invitation accepted.
        open_one = Invitation.objects.select_for_update().filter(
            id=invitation.id, accepted_at=None, revoked_at=None
        )
        if not open_one.exists():
            raise AlreadyMember("This invitation has already been used.")
        if not _may_invite(role_of(invitation.invited_by_id), invitation.role):
            raise InvitationLapsed("The person who sent it can no longer assign this role.")
        with refusing(
            "accounts_membership_once", lambda: AlreadyMember("You already belong to this company.")
        ):
            membership = Membership.objects.create(user=user, role=invitation.role)
        open_one.update(accepted_at=clock.now())
        publish(
            MemberJoined(object_id=user.public_id, detail={"email": user.email, "role": invitation.role}),
            actor=actor,
        )
    return membership


def lock_members(first: Membership, second: Membership) -> tuple[Membership, Membership]:
    """Lock the company's members until the transaction ends, and return both members reloaded. Raises NotFound.

    The rows a page has read may be outdated: a developer who has become the owner in the meantime must not be removed as a
    developer.
    """
    take_turn(f"members {first.company_id}")
    rows = Membership.objects.select_related("user", "company").in_bulk([first.id, second.id])
    if not {first.id, second.id} <= rows.keys():
        raise NotFound
    return rows[first.id], rows[second.id]


def change_role(*, member: Membership, role: str, changer: Membership, actor: Principal) -> Membership:
    """Change the role of `member`. Raises RoleTooHigh, LastOwner or NotFound."""
    member, changer = lock_members(member, changer)
    if not (at_least(changer.role, role) and at_least(changer.role, member.role)):
        raise RoleTooHigh
    before = member.role
    if before == role:
        return member
    if before == Role.OWNER:
        _require_another_owner(member)
    member.role = role
    member.save(update_fields=["role"])
    revoke_invitations_of(member.user_id, role, actor)
    publish(
        MemberRoleChanged(object_id=ids.encode("usr", member.user_id), changes={"role": [before, role]}),
        actor=actor,
    )
    return member


def remove_member(*, member: Membership, remover: Membership, actor: Principal) -> None:
    """Remove `member`. Members may always remove themselves. Raises RoleTooHigh, LastOwner or NotFound."""
    member, remover = lock_members(member, remover)
    if member.id != remover.id and not (
        at_least(remover.role, Role.ADMIN) and at_least(remover.role, member.role)
    ):
        raise RoleTooHigh
    check_remove(member)
    publish(
        MemberRemoved(
            object_id=ids.encode("usr", member.user_id),
            detail={"email": member.user.email, "role": member.role},
        ),
        actor=actor,
    )
    revoke_invitations_of(member.user_id, None, actor)
    member.delete()


def _may_invite(role: str | None, to: str) -> bool:
    return role is not None and at_least(role, Role.ADMIN) and at_least(role, to)


def revoke_invitations_of(user_id: UUID, role: str | None, actor: Principal) -> None:
    """Revoke somebody's invitations that they could not send with their new `role` (None if they have left)."""
    for invitation in sorted(list_open_invitations(), key=attrgetter("pk")):  # as others lock them
        if invitation.invited_by_id == user_id and not _may_invite(role, invitation.role):
            with suppress(NotFound):  # no longer open
                revoke_invitation(invitation=invitation, actor=actor)


def check_remove(member: Membership) -> None:
    """Raise LastOwner if `member` is the company's only owner."""
    if member.role == Role.OWNER:
        _require_another_owner(member)


def _require_another_owner(member: Membership) -> None:
    # `lock_members` serializes two owners who remove each other at the same time. An owner deactivated by staff cannot sign
    # in and does not count.
    others = Membership.objects.filter(role=Role.OWNER, user__is_active=True).exclude(id=member.id)
    if not others.exists():
        raise LastOwner
