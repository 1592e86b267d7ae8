"""The public representation of {{ words }}, in API responses and events alike (docs/architecture.md, Contracts)."""

from typing import Any

from {{ app }}.models import {{ model }}
{% if references %}from core.values import ids
{% endif %}from core.clock import rfc3339


def {{ object }}(row: {{ model }}) -> dict[str, Any]:
    """Return the public representation of {{ a_lower }} {{ word }}."""
    return {
        "id": row.public_id,
        "object": "{{ object }}",
        "mode": row.mode,
{% for field in fields %}
        "{{ field.name }}": {{ field.representation_source }},
{% endfor %}
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }
