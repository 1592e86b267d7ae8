"""Serializers for {{ words }}."""

from rest_framework import serializers

{% if moneys %}from billing.money import MAX_AMOUNT
{% endif %}{% for line in own_fields %}
{{ line }}
{% endfor %}
{% if integers %}
MAX_INTEGER = 2**31 - 1
{% endif %}

class {{ model }}Input(StrictSerializer):
    """The writable fields of {{ a_lower }} {{ word }}."""

{% for field in fields %}
    {{ field.name }} = {{ field.input_source }}
{% endfor %}


class {{ model }}Output(serializers.Serializer):
    """{{ a }} {{ word }}."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["{{ object }}"])
    mode = serializers.ChoiceField(choices=["live", "test"])
{% for field in fields %}
    {{ field.name }} = {{ field.output_source }}
{% endfor %}
    created = serializers.DateTimeField()
    updated = serializers.DateTimeField()
