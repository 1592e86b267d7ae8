"""Changes people make to their own profile and preferences."""

from accounts.models import Membership, User
from accounts.services.names import checked_name
from core.errors import FieldError, FieldErrors


def update_profile(*, user: User, name: str) -> User:
    """Set the display name; if empty, the email address is shown. Raises FieldErrors."""
    user.name = checked_name(name, longest=150) if name.strip() else ""
    user.save(update_fields=["name"])
    return user


def show_first_steps(*, membership: Membership, how: str) -> Membership:
    """Open, collapse or dismiss the first steps on the member's overview of this company. Raises FieldErrors."""
    if how not in Membership.FirstSteps.values:
        raise FieldErrors(
            [FieldError("how", "invalid_choice", f"Use one of {', '.join(Membership.FirstSteps.values)}.")]
        )
    membership.first_steps = how
    membership.save(update_fields=["first_steps"])
    return membership
