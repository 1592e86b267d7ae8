"""Queries of templates in the current tenant."""

from django.db.models import QuerySet

from core.postgres.orders import NEWEST
from messaging.models import Template, TemplateVersion

# The sort columns of the list, served by the tenant's unique key.
TEMPLATE_SORT = {"name": "name"}


def list_templates() -> QuerySet[Template]:
    """Return the templates, without their texts."""
    return Template.objects.order_by(NEWEST)


def get_template(public_id: str) -> Template:
    """Return the template. Raises core.errors.NotFound if it is missing or belongs to another tenant."""
    return Template.by_public_id(public_id)


def list_versions(template: Template) -> QuerySet[TemplateVersion]:
    """Return the versions of a template."""
    return TemplateVersion.objects.filter(template=template).order_by(NEWEST)


def find_version(template: Template, number: int | None = None) -> TemplateVersion | None:
    """Return a version of a template, by default the newest; None if it does not exist."""
    return TemplateVersion.objects.filter(template=template, number=number or template.version).first()


def newest_version(template: Template) -> TemplateVersion:
    """Return the newest version of a template, which always exists."""
    found: TemplateVersion = TemplateVersion.objects.get(template=template, number=template.version)
    return found
