"""Example values of {{ words }} in the OpenAPI document (core.api.examples)."""

{% if references %}
from core.api.examples import public_id

{% endif %}
EXAMPLES = {
{% for field in fields %}
{% if field.target %}
    "{{ model }}.{{ field.name }}": public_id("{{ field.target.prefix }}"),
{% else %}
    "{{ model }}.{{ field.name }}": {{ field.example_source }},
{% endif %}
{% endfor %}
}
