"""Form controls written by Python instead of by Django's templates, which take a millisecond for a dozen options.

A page with filters has a hundred options and more: they were nearly half of the time that the list of requests took. What is
written is what the templates of `django.forms` would, without their line breaks; every other widget is still rendered by
its template, and so are one's own.
"""

import html
from collections.abc import Callable, Mapping
from typing import Any

from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

_WIDGETS = "django/forms/widgets/"
_OPTION = f"{_WIDGETS}select_option.html"
_ERRORS = "django/forms/errors/list/ul.html"


class QuickRenderer(TemplatesSetting):
    """The renderer of all forms (FORM_RENDERER)."""

    def render(
        self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None
    ) -> SafeString:
        """Return the HTML of a widget, or of the errors of a field."""
        if template_name == _ERRORS and not context["errors"]:
            return _NOTHING
        write = _WRITERS.get(template_name)
        written = write(context["widget"]) if write else None
        if written is not None:
            return mark_safe(written)  # noqa: S308 - each part of it went through _text()
        return mark_safe(super().render(template_name, context, request))  # noqa: S308 - a template escaped it


_NOTHING = mark_safe("")


def _text(value: Any) -> str:
    """Return a value as the templates write it: escaped, unless it is marked as HTML."""
    return html.escape(value) if type(value) is str else conditional_escape(value)


def _attributes(attributes: Mapping[str, Any]) -> str:
    return "".join(
        f" {_text(name)}" if value is True else f' {_text(name)}="{_text(value)}"'
        for name, value in attributes.items()
        if value is not False
    )


def _input(widget: Mapping[str, Any]) -> str:
    value = widget["value"]
    written = "" if value is None else f' value="{_text(value)}"'
    name, attributes = _text(widget["name"]), _attributes(widget["attrs"])
    return f'<input type="{_text(widget["type"])}" name="{name}"{written}{attributes}>'


def _select(widget: Mapping[str, Any]) -> str | None:
    """Return the list, or None when an option has a template of its own."""
    parts = [f'<select name="{_text(widget["name"])}"{_attributes(widget["attrs"])}>']
    for group, options, _ in widget["optgroups"]:
        if group:
            parts.append(f'<optgroup label="{_text(group)}">')
        for option in options:
            if option["template_name"] != _OPTION:
                return None
            attributes = _attributes(option["attrs"])
            parts.append(
                f'<option value="{_text(option["value"])}"{attributes}>{_text(option["label"])}</option>'
            )
        if group:
            parts.append("</optgroup>")
    parts.append("</select>")
    return "".join(parts)


_WRITERS: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    **{
        f"{_WIDGETS}{name}.html": _input
        for name in (
            "input",
            "text",
            "number",
            "email",
            "url",
            "password",
            "hidden",
            "date",
            "datetime",
            "time",
            "checkbox",
        )
    },
    f"{_WIDGETS}select.html": _select,
}
