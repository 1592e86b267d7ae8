"""The {{ word }} model."""

from django.db import models

from core import clock
{% if references %}from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel
{% else %}from core.postgres.orders import tenant_index
from core.tenancy import TenantModel
{% endif %}

class {{ model }}(TenantModel):
    """{{ a }} {{ word }}. Deletion is soft, so that references to it stay readable."""

    id_prefix = "{{ prefix }}"

{% for field in fields %}
    {{ field.name }} = {{ field.model_source }}
{% endfor %}
    updated = models.DateTimeField(default=clock.now)
    deleted_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
{% for field in references %}
            CompositeForeignKey(
                name="{{ field.constraint }}", fields="{{ field.name }}", to="{{ field.target.model }}"
            ),
{% endfor %}
{% for field in uniques %}
            models.UniqueConstraint(
                fields=["company", "mode", "{{ field.name }}"],
                name="{{ field.constraint }}",
                condition=models.Q(deleted_at__isnull=True),
            ),
{% endfor %}
{% for field in moneys %}
            models.CheckConstraint(condition=models.Q({{ field.name }}__gte=0), name="{{ field.constraint }}"),
{% endfor %}
        ]
        indexes = [
            tenant_index(
                name="{{ present_index }}",
                condition=models.Q(deleted_at__isnull=True),
            ),
{% for field in references %}
            tenant_index("{{ field.name }}", name="{{ field.index }}"),
{% endfor %}
        ]

    def __str__(self) -> str:
        return self.{{ title_field }}
