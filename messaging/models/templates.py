"""Message templates: a name, and versions of their texts, which never change."""

from django.db import models

from core import clock
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel


class Template(TenantModel):
    """Texts with variables, used to create messages. `version` is the number of the newest version."""

    id_prefix = "tpl"

    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    channel = models.CharField(max_length=16)
    version = models.PositiveIntegerField(default=1)
    updated = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["company", "mode", "name"], name="messaging_template_name"),
            models.CheckConstraint(condition=models.Q(version__gte=1), name="messaging_template_version"),
        ]
        indexes = [
            tenant_index(name="messaging_template_newest"),
            tenant_index("channel", name="messaging_template_channel"),
        ]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(TenantModel):
    """The texts of one version of a template. Append-only: a message refers to its version by number.

    `variables` are objects with `name`, `default` and `example` (strings or None), and whether a message must provide a value
    (`required`).
    """

    id_prefix = "tpv"

    template = TenantForeignKey(Template, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    subject = models.CharField(max_length=998, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    variables = models.JSONField(default=list)
    created_by = models.CharField(max_length=64, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="messaging_templateversion_template_fk", fields="template", to="messaging.Template"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "template", "number"], name="messaging_templateversion_number"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"
