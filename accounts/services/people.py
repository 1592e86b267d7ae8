"""What people change about themselves."""

from accounts.models import User
from accounts.services.names import checked_name


def update_profile(*, user: User, name: str) -> User:
    """Set the name that others see; empty falls back to the email address. Raises FieldErrors."""
    user.name = checked_name(name, longest=150) if name.strip() else ""
    user.save(update_fields=["name"])
    return user
