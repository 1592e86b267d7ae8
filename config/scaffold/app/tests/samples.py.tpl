"""Sample objects and request bodies for the API operations and pages of {{ words }}."""

{% if uses_tag or uses_number %}import secrets
{% endif %}from collections.abc import Callable
from typing import Any

from {{ app }}.api.serializers import {{ model }}Input
from {{ app }}.services import create_{{ object }}
from core.tenancy import Tenant, tenant_context
from tests.contracts.by_app import Body, no_body
{% if reference_samples %}from tests.contracts.by_app import sample_object
{% endif %}from tests.factories import SYSTEM


def {{ object }}_fields(tenant: Tenant) -> dict[str, Any]:
    """Return fields for {{ a_lower }} {{ word }} with unique values."""
{% if uses_tag %}    tag = secrets.token_hex(4)
{% endif %}{% if uses_number %}    number = secrets.randbelow(1_000_000_000)
{% endif %}    return {
{% for field in fields %}
{% if field.target %}
        "{{ field.name }}": sample_object("{{ field.target.collection }}", tenant),
{% else %}
        "{{ field.name }}": {{ field.sample }},
{% endif %}
{% endfor %}
    }


def make_{{ object }}(tenant: Tenant) -> str:
    """Create {{ a_lower }} {{ word }} and return its ID."""
    with tenant_context(tenant):
        fields = {{ model }}Input().run_validation({{ object }}_fields(tenant))
        return create_{{ object }}(actor=SYSTEM, **fields).public_id


OBJECTS: dict[str, Callable[[Tenant], str]] = {"{{ app }}": make_{{ object }}}

BODIES: dict[str, Callable[[Tenant], Body]] = {
    "POST /v1/{{ app }}": {{ object }}_fields,
    "PATCH /v1/{{ app }}/<str:id>": lambda tenant: {"{{ changed.name }}": {{ changed_source }}},
    "DELETE /v1/{{ app }}/<str:id>": no_body,
}
