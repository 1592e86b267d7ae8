"""Renders templates with their variables, completely and before anything is queued."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import FieldError, FieldErrors, NotFound
from core.values.texts import CONTROL_CHARACTERS, has_controls
from messaging.channels.email import MAX_BODY_BYTES
from messaging.models import Template, TemplateVersion
from messaging.selectors.templates import find_version, get_template
from messaging.templating import TooLong, Value, flatten, parse, render

MAX_SUBJECT = 998  # characters, of at most four bytes each
# The maximum number of problems listed in an error.
MOST_PROBLEMS = 20
# The texts of a version: field, whether it is HTML, and the maximum rendered size in bytes.
PARTS = (
    ("subject", False, 4 * MAX_SUBJECT),
    ("text", False, MAX_BODY_BYTES),
    ("html", True, MAX_BODY_BYTES),
)


@dataclass(frozen=True, slots=True)
class Composed:
    """The rendered texts."""

    subject: str
    text: str
    html: str


def find_template(
    public_id: str | None, number: int | None, *, channel: str, texts: Mapping[str, str]
) -> TemplateVersion | None:
    """Return the template version for a message: `number`, by default the newest; None when it uses no template.

    Raises FieldErrors for one that does not exist or belongs to another channel, and if the message also has its own texts.
    """
    if public_id is None:
        if number is not None:
            raise FieldErrors([FieldError("template_version", "contradictory", "Send `template` too.")])
        return None
    if problems := [
        FieldError(name, "contradictory", "The template provides this: leave it out.")
        for name, text in texts.items()
        if text
    ]:
        raise FieldErrors(problems)
    try:
        template = get_template(public_id)
    except NotFound as error:
        raise FieldErrors([FieldError("template", "not_found", "There is no such template.")]) from error
    if template.channel != channel:
        message = f"This is a template of {template.channel} messages."
        raise FieldErrors([FieldError("template", "wrong_channel", message)])
    version = find_version(template, number)
    if version is None:
        message = f"The template has the versions 1 to {template.version}."
        raise FieldErrors([FieldError("template_version", "not_found", message)])
    return version


def compose(version: TemplateVersion, variables: Mapping[str, Any], *, before: str = "") -> Composed:
    """Render the version with values, which may be nested (`{"customer": {"name": "Ada"}}`) or have dotted names.

    Raises FieldErrors for a variable that is missing, unknown, or not a string, number or boolean, and for rendered texts that
    are too long. `before` prefixes the field names.
    """
    values = _read_values(version, variables, before)
    found: dict[str, str] = {}
    for part, as_html, longest in PARTS:
        try:
            found[part] = render(getattr(version, part), values, as_html=as_html, longest=longest)
        except TooLong as error:
            message = f"The {part} is longer than {longest} bytes with these variables."
            raise FieldErrors([FieldError(f"{before}variables", "too_long", message)]) from error
    if len(found["subject"]) > MAX_SUBJECT:
        message = f"The subject is longer than {MAX_SUBJECT} characters with these variables."
        raise FieldErrors([FieldError(f"{before}variables", "too_long", message)])
    return Composed(**found)


def preview(
    template: Template, *, number: int | None = None, variables: Mapping[str, Any] | None = None
) -> tuple[TemplateVersion, Composed]:
    """Return a version (by default the newest) and its rendered texts, using example values where none are given.

    Raises FieldErrors.
    """
    version = find_version(template, number)
    if version is None:
        message = f"The template has the versions 1 to {template.version}."
        raise FieldErrors([FieldError("version", "not_found", message)])
    return version, compose(version, example_values(version) if variables is None else variables)


def example_values(version: TemplateVersion) -> dict[str, str]:
    """Return an example value for each variable: its example, its default, or its name."""
    return {one["name"]: one["example"] or one["default"] or f"[{one['name']}]" for one in version.variables}


def _read_values(version: TemplateVersion, variables: Mapping[str, Any], before: str) -> dict[str, Value]:
    given = {name: value for name, value in flatten(variables).items() if value is not None}
    known = {one["name"]: one for one in version.variables}
    problems = [
        FieldError(
            f"{before}variables.{name[:100]}",
            "unknown_variable",
            f"The template has no such variable. It has: {', '.join(known) or 'none'}."[:500],
        )
        for name in given
        if name not in known
    ]
    values: dict[str, Value] = {}
    in_subject = set(parse(version.subject).names)
    for name, variable in known.items():
        value = given.get(name, variable["default"])
        field = f"{before}variables.{name}"
        if value is None and not variable["required"]:
            continue
        if value is None:
            problems.append(
                FieldError(field, "required", "The template requires this variable, which has no default.")
            )
        elif not isinstance(value, Value):
            problems.append(FieldError(field, "wrong_type", "Must be a string, a number, true or false."))
        elif name in in_subject and has_controls(str(value)):
            problems.append(
                FieldError(field, "control_character", f"It is used in the subject. {CONTROL_CHARACTERS}")
            )
        else:
            values[name] = value
    if problems:
        raise FieldErrors(problems[:MOST_PROBLEMS])
    return values
