"""Which models a staff member may view, by the permissions of their admins."""

from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import HttpRequest


def admin_of(site: AdminSite, request: HttpRequest, model: type[Model]) -> Any:
    """Return the admin of `model` if the user may view its objects, else None."""
    found: Any = site._registry.get(model)  # noqa: SLF001 - the one place where a site keeps its admins
    return found if found is not None and found.has_view_permission(request) else None
