"""Queries for {{ words }}, all within the current tenant."""

from django.db.models import QuerySet

from {{ app }}.models import {{ model }}


def list_{{ app }}() -> QuerySet[{{ model }}]:
    """Return the {{ words }} that have not been deleted."""
    return {{ model }}.objects.filter(deleted_at=None)


def get_{{ object }}(public_id: str) -> {{ model }}:
    """Return the {{ word }}. Raises NotFound if it is missing, deleted or another company's."""
    return {{ model }}.by_public_id(public_id, among=list_{{ app }}())
