"""Queries for {{ words }}, all within the current tenant."""

from django.db.models import QuerySet

from {{ app }}.models import {{ model }}
from core.values import ids
from core.errors import NotFound


def list_{{ app }}() -> QuerySet[{{ model }}]:
    """Return the {{ words }} that have not been deleted."""
    return {{ model }}.objects.filter(deleted_at=None)


def get_{{ object }}(public_id: str) -> {{ model }}:
    """Return the {{ word }}. Raises NotFound if it is missing, deleted or another company's."""
    try:
        return list_{{ app }}().get(id=ids.decode("{{ prefix }}", public_id))
    except (ids.InvalidId, {{ model }}.DoesNotExist) as error:
        raise NotFound from error
