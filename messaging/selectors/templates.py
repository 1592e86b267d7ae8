"""Reads of templates, inside the current tenant."""

from django.db.models import QuerySet

from core.postgres.orders import NEWEST
from messaging.models import Template, TemplateVersion

# What the list is sorted by: the tenant's unique key serves it.
TEMPLATE_SORT = {"name": "name"}


def list_templates() -> QuerySet[Template]:
    """Return the templates, without their texts."""
    return Template.objects.order_by(NEWEST)


def get_template(public_id: str) -> Template:
    """Return the template; raises core.errors.NotFound when it is missing or foreign."""
    return Template.by_public_id(public_id)


def list_versions(template: Template) -> QuerySet[TemplateVersion]:
    """Return the versions of a template."""
    return TemplateVersion.objects.filter(template=template).order_by(NEWEST)


def find_version(template: Template, number: int | None = None) -> TemplateVersion | None:
    """Return one version of a template, by default the newest; None where there is no such one."""
    return TemplateVersion.objects.filter(template=template, number=number or template.version).first()


def newest_version(template: Template) -> TemplateVersion:
    """Return the newest version of a template; there is always one."""
    found: TemplateVersion = TemplateVersion.objects.get(template=template, number=template.version)
    return found
