"""Filters for the list of {{ words }}. Every filter is backed by an index (docs/architecture.md, Tenancy)."""

{% if text_filters %}import django_filters

{% endif %}from core.api.filters import CreatedRange{% if references %}, ReferenceFilter{% endif %}


class {{ model }}Filter(CreatedRange):
    """Filters of `GET /v1/{{ app }}`."""
{% if filters %}

{% endif %}
{% for field in filters %}
{% if field.target %}
    {{ field.name }} = ReferenceFilter(max_length=64, help_text="Only {{ words }} with this {{ field.label_lower }} (an ID)")
{% else %}
    {{ field.name }} = django_filters.CharFilter({{ field.max_length }}, help_text="Only {{ words }} with this {{ field.label_lower }}")
{% endif %}
{% endfor %}
