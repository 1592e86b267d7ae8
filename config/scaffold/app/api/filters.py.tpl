"""Filters for the list of {{ words }}. Every filter is backed by an index (docs/architecture.md, Tenancy)."""

{% if references %}from typing import Any

{% endif %}{% if filters %}import django_filters
{% endif %}{% if references %}from django.db.models import QuerySet

from core.values import ids
{% endif %}from core.api.filters import CreatedRange


class {{ model }}Filter(CreatedRange):
    """Filters of `GET /v1/{{ app }}`."""
{% if filters %}

{% endif %}
{% for field in filters %}
{% if field.target %}
    {{ field.name }} = django_filters.CharFilter(
        method="by_reference",
        max_length=64,
        help_text="Only {{ words }} with this {{ field.label_lower }} (an ID)",
    )
{% else %}
    {{ field.name }} = django_filters.CharFilter({{ field.max_length }}, help_text="Only {{ words }} with this {{ field.label_lower }}")
{% endif %}
{% endfor %}
{% if references %}

    def by_reference(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Match {{ words }} that refer to the object with this ID. An invalid ID matches none."""
        try:
            return queryset.filter(**{f"{name}_id": ids.decode(_PREFIXES[name], value)})
        except ids.InvalidId:
            return queryset.none()


_PREFIXES = { {% for field in references %}"{{ field.name }}": "{{ field.target.prefix }}", {% endfor %}}
{% endif %}
