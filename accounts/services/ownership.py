"""Ownership transfer: a single step that never leaves a company without an owner, even under concurrent changes."""

from accounts.emails import mail_notice
from accounts.events import OwnershipTransferred
from accounts.models import Membership
from accounts.roles import Role
from accounts.services.members import RoleTooHigh, lock_members, revoke_invitations_of
from core.errors import FieldError, FieldErrors
from core.events import publish
from core.principal import Principal


def transfer_ownership(*, to: Membership, owner: Membership, reason: str, actor: Principal) -> Membership:
    """Make `to` an owner and `owner` an admin, and notify both by email. Raises FieldErrors, NotFound, RoleTooHigh.

    Both roles are reloaded under the lock on the company's members: `to` may have left, or `owner` been demoted.
    """
    to, owner = lock_members(to, owner)
    if owner.role != Role.OWNER:
        raise RoleTooHigh
    if to.id == owner.id or not to.user.is_active:
        raise FieldErrors([FieldError("member", "invalid_choice", "Choose another member who can sign in.")])
    to.role, owner.role = Role.OWNER, Role.ADMIN
    to.save(update_fields=["role"])
    owner.save(update_fields=["role"])
    revoke_invitations_of(owner.user_id, Role.ADMIN, actor)
    company = owner.company
    publish(
        OwnershipTransferred(
            object_id=company.public_id,
            changes={"owner": [owner.user.email, to.user.email]},
            detail={"reason": reason},
        ),
        actor=actor,
    )
    mail_notice(
        to=[to.user.email],
        subject=f"You now own {company.name}",
        text=f"{owner.user.display_name} has transferred {company.name} to you. Their reason: {reason}",
        company_name=company.name,
        page="/team/",
        label="Open the team",
    )
    mail_notice(
        to=[owner.user.email],
        subject=f"You have transferred {company.name}",
        text=f"{to.user.display_name} now owns {company.name}; you are now an admin. If this was not you, "
        "contact them and change your password.",
        company_name=company.name,
        page="/team/",
        label="Open the team",
    )
    return to
