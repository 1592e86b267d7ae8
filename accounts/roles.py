"""The four roles of a company, each of which may do everything the one below it may."""

from django.db import models


class Role(models.TextChoices):
    """Owner: everything, the plan and the company itself. Admin: the team. Developer: keys, webhooks, data. Viewer: read."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    DEVELOPER = "developer", "Developer"
    VIEWER = "viewer", "Viewer"


_RANK = {Role.VIEWER: 0, Role.DEVELOPER: 1, Role.ADMIN: 2, Role.OWNER: 3}


def at_least(role: str, needed: str) -> bool:
    """Return whether `role` is at least `needed`."""
    return _RANK[Role(role)] >= _RANK[Role(needed)]
