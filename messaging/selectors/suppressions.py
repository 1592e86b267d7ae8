"""Reads of the suppression list, inside the current tenant."""

from django.db.models import QuerySet

from messaging.models import Suppression


def list_suppressions() -> QuerySet[Suppression]:
    """Return the suppressed addresses."""
    return Suppression.objects.all()


def get_suppression(public_id: str) -> Suppression:
    """Return the entry; raises core.errors.NotFound when it is missing or foreign."""
    return Suppression.by_public_id(public_id)
