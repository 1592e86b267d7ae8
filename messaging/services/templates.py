"""Templates: create, change, delete. Changing the texts creates a new version, so that the texts of sent messages stay available."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from core import clock
from core.errors import DomainError, FieldError, FieldErrors
from core.events import publish
from core.postgres.failures import refusing
from core.postgres.turns import take_turn
from core.principal import Principal
from core.tenancy import require_tenant
from core.values.texts import clean_name, has_controls, is_visible
from messaging import representations
from messaging.channels import get_channel
from messaging.events import TemplateCreated, TemplateDeleted, TemplateUpdated
from messaging.models import Template, TemplateVersion
from messaging.selectors.templates import newest_version
from messaging.templating import NAME_FORM, InvalidTemplate, find_conflict, is_name, parse

MAX_TEMPLATES = 200
MAX_VERSIONS = 100
MAX_VARIABLES = 100
MAX_TEXT_BYTES = 200_000
_NAME = "messaging_template_name"
TEXTS = ("subject", "text", "html")


class TemplateNameTaken(DomainError):
    """Another template of the company has this name, in the same mode."""

    code = "template_name_taken"
    status = 409
    title = "This name is taken"
    fix = "Choose another name, or change the template that has it."


class TemplateLimitReached(DomainError):
    """The company has the maximum number of templates, or the template the maximum number of versions."""

    code = "template_limit_reached"
    status = 409
    title = "Template limit reached"
    fix = "Delete a template that is not used. If a template has too many versions, create a new one in its place."


def create_template(
    *,
    actor: Principal,
    name: str,
    channel: str,
    description: str = "",
    subject: str = "",
    text: str = "",
    html: str = "",
    variables: Sequence[Mapping[str, Any]] = (),
) -> Template:
    """Create a template with its first version. Raises FieldErrors, TemplateNameTaken and TemplateLimitReached."""
    texts = {"subject": subject, "text": text, "html": html}
    declared = _check_texts(channel, texts, variables)
    tenant = require_tenant()
    take_turn(
        f"templates {tenant.company_id} {tenant.mode}"
    )  # or two concurrent requests would both take the last place
    if Template.objects.count() >= MAX_TEMPLATES:
        raise TemplateLimitReached(f"A company has at most {MAX_TEMPLATES} templates in each mode.")
    row = Template(name=_clean_name(name), channel=channel, description=description)
    row.updated = row.created
    with refusing(_NAME, lambda: TemplateNameTaken(f"A template named {row.name} already exists.")):
        Template.objects.bulk_create([row])
    _add_version(row, texts, declared, actor)
    detail = representations.template_summary(row)
    publish(TemplateCreated(object_id=row.public_id, detail=detail), actor=actor)
    return row


def update_template(*, template: Template, actor: Principal, **fields: Any) -> Template:
    """Update `name` or `description`, or the texts and variables, which creates a new version.

    Messages accepted before are not affected. Raises FieldErrors, TemplateNameTaken and TemplateLimitReached.
    """
    row = template.locked()
    version = newest_version(row)
    texts = {part: fields.get(part, getattr(version, part)) for part in TEXTS}
    # Examples and defaults of variables apply to the new texts too; whether the former texts used a variable does not matter.
    known = [one for one in version.variables if (one["default"], one["example"]) != (None, None)]
    declared = _check_texts(row.channel, texts, fields.get("variables", known))
    before = representations.template_summary(row)
    if "name" in fields:
        row.name = _clean_name(fields["name"])
    row.description = fields.get("description", row.description)
    # A page shows a refusal and commits: without its own savepoint, the version would stay, and the next one be refused for it.
    with transaction.atomic():
        if texts != {part: getattr(version, part) for part in TEXTS} or declared != version.variables:
            if row.version >= MAX_VERSIONS:
                raise TemplateLimitReached(f"A template has at most {MAX_VERSIONS} versions.")
            row.version += 1
            _add_version(row, texts, declared, actor)
        after = representations.template_summary(row)
        changes = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
        if not changes:
            return row
        row.updated = clock.now()
        with refusing(_NAME, lambda: TemplateNameTaken(f"A template named {row.name} already exists.")):
            row.save(update_fields=["name", "description", "version", "updated"])
    publish(TemplateUpdated(object_id=row.public_id, changes=changes), actor=actor)
    return row


def delete_template(*, template: Template, actor: Principal) -> None:
    """Delete a template with its versions. Messages created from it stay, and are still sent. Raises NotFound."""
    public_id, name = template.public_id, template.name
    template.locked().delete()
    publish(TemplateDeleted(object_id=public_id, detail={"name": name}), actor=actor)


def _add_version(
    row: Template, texts: Mapping[str, str], declared: list[dict[str, Any]], actor: Principal
) -> TemplateVersion:
    version: TemplateVersion = TemplateVersion.objects.create(
        template=row, number=row.version, variables=declared, created_by=actor.id[:64], **texts
    )
    return version


def _clean_name(name: str) -> str:
    try:
        return clean_name(name, longest=100)
    except ValueError as error:
        raise FieldErrors([FieldError("name", "invalid", str(error))]) from error


def _check_texts(
    channel: str, texts: Mapping[str, str], variables: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the variables of the texts: declared ones, and ones that are only used. Raises FieldErrors."""
    way = get_channel(channel)
    problems: list[FieldError] = []
    used: list[str] = []
    for part, text in texts.items():
        if text and part in way.unknown_parts:
            problems.append(
                FieldError(part, "not_supported", f"{way.label} messages do not have this field.")
            )
        if len(text.encode()) > MAX_TEXT_BYTES:
            problems.append(FieldError(part, "too_long", f"At most {MAX_TEXT_BYTES} bytes are accepted."))
            continue
        try:
            used += parse(text).names
        except InvalidTemplate as error:
            problems.append(FieldError(part, "invalid_template", str(error)))
    if "subject" not in way.unknown_parts:
        if not is_visible(texts["subject"]):
            problems.append(FieldError("subject", "required", "An email template needs a subject."))
        elif has_controls(texts["subject"]):
            problems.append(FieldError("subject", "control_character", "A subject must be a single line."))
    if not texts["text"].strip() and not texts["html"].strip():
        problems.append(FieldError("text", "required", "A template needs a text."))
    declared = _declare(variables, used, problems)
    if problems:
        raise FieldErrors(problems)
    return declared


def _declare(
    variables: Sequence[Mapping[str, Any]], used: Sequence[str], problems: list[FieldError]
) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for index, one in enumerate(variables):
        name = one["name"]
        if not is_name(name):
            problems.append(FieldError(f"variables.{index}.name", "invalid", NAME_FORM))
        elif name in found:
            problems.append(
                FieldError(f"variables.{index}.name", "duplicate", "This variable is declared twice.")
            )
        else:
            found[name] = {"name": name, "default": one.get("default"), "example": one.get("example")}
    for name in used:
        found.setdefault(name, {"name": name, "default": None, "example": None})
    for name, variable in found.items():
        variable["required"] = name in used and variable["default"] is None
    if len(found) > MAX_VARIABLES:
        problems.append(
            FieldError("variables", "too_many", f"A template has at most {MAX_VARIABLES} variables.")
        )
    elif conflict := find_conflict(found):
        message = f"{conflict} is a variable, and the beginning of another one: no value fits both."
        problems.append(FieldError("variables", "contradictory", message))
    return list(found.values())
