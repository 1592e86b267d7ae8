"""Reads of {{ words }}, all inside the current tenant."""

from django.db.models import QuerySet

from {{ app }}.models import {{ model }}
from core.values import ids
from core.errors import NotFound


def list_{{ app }}() -> QuerySet[{{ model }}]:
    """Return the {{ words }} that are not deleted."""
    return {{ model }}.objects.filter(deleted_at=None)


def get_{{ object }}(public_id: str) -> {{ model }}:
    """Return the {{ word }}; raises NotFound when it is missing, deleted or foreign."""
    try:
        return list_{{ app }}().get(id=ids.decode("{{ prefix }}", public_id))
    except (ids.InvalidId, {{ model }}.DoesNotExist) as error:
        raise NotFound from error
