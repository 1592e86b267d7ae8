"""What people change about themselves."""

from accounts.models import User


def update_profile(*, user: User, name: str) -> User:
    """Set the name that others see; empty falls back to the email address."""
    user.name = name.strip()
    user.save(update_fields=["name"])
    return user
