"""Forms of the template pages. The services validate templates and values."""

from __future__ import annotations

from typing import Any

from django import forms

from core.errors import DomainError, FieldErrors
from core.ui.forms import ServiceForm
from core.values.form_fields import WholeNumberField
from core.values.texts import lines_of
from messaging.channels import channels
from messaging.models import TemplateVersion
from messaging.selectors.templates import list_templates

_LINES = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})


class ValuesField(forms.CharField):
    """Values of variables, one per line: `customer.name: Ada`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=60_000, required=False, strip=False, widget=_LINES, **kwargs)

    def clean(self, value: Any) -> dict[str, str]:
        """Return the values by name. Raises ValidationError naming an invalid line."""
        found: dict[str, str] = {}
        for number, line in enumerate(lines_of(super().clean(value)), 1):
            if not line.strip():
                continue
            name, colon, text = line.partition(":")
            if not colon or not name.strip():
                raise forms.ValidationError(f"Line {number}: write the name, a colon, and the value.")
            found[name.strip()] = text.strip()
        return found


def write_values(values: dict[str, str | None]) -> str:
    """Return values as lines of a ValuesField, except those that cannot be written as a line."""
    return "\n".join(
        f"{name}: {text}" for name, text in values.items() if text is not None and _is_line(text)
    )


def _is_line(text: str) -> bool:
    """Return whether a line of a ValuesField can hold the value unchanged: without line breaks and surrounding spaces."""
    return text == text.strip() and len(lines_of(text)) == 1


class TemplateForm(ServiceForm):
    """Creates or changes a template."""

    name = forms.CharField(max_length=100, help_text="Such as “Order confirmation”.")
    description = forms.CharField(max_length=500, required=False)
    channel = forms.ChoiceField(
        choices=lambda: [(name, channel.label) for name, channel in channels().items()]
    )
    subject = forms.CharField(
        max_length=998, required=False, strip=False, help_text="For email. May contain variables."
    )
    text = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="Write variables in double braces: Dear {{ customer.name }},",
    )
    html = forms.CharField(
        required=False,
        strip=False,
        label="HTML",
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text="For email, instead of or in addition to the text. Values are HTML-escaped.",
    )
    examples = ValuesField(help_text="What previews show, one per line: customer.name: Ada")
    defaults = ValuesField(help_text="Used when a message provides no value, one per line: greeting: Hello")

    def __init__(self, *args: Any, version: TemplateVersion | None = None, **kwargs: Any) -> None:
        self._version = version
        super().__init__(*args, **kwargs)
        if version is not None:
            del self.fields["channel"]  # the texts and the messages depend on it

    @staticmethod
    def values_of(version: TemplateVersion) -> dict[str, Any]:
        """Return the form's initial values for a version."""
        return {
            "subject": version.subject,
            "text": version.text,
            "html": version.html,
            "examples": write_values({one["name"]: one["example"] for one in version.variables}),
            "defaults": write_values({one["name"]: one["default"] for one in version.variables}),
        }

    @property
    def template_fields(self) -> dict[str, Any]:
        """The arguments for the services."""
        fields = dict(self.cleaned_data)
        examples, defaults = fields.pop("examples"), fields.pop("defaults")
        for one in self._version.variables if self._version else ():
            # What the fields cannot show, they cannot have changed.
            for values, part in ((examples, "example"), (defaults, "default")):
                if not _is_line(one[part] or ""):
                    values.setdefault(one["name"], one[part])
        names = dict.fromkeys([*examples, *defaults])
        fields["variables"] = [
            {"name": name, "example": examples.get(name), "default": defaults.get(name)} for name in names
        ]
        return fields

    def show_refusal(self, refusal: DomainError) -> None:
        """Show a service's refusal on the fields it concerns."""
        if not isinstance(refusal, FieldErrors):
            self.add_error("name", refusal.page_detail)
            return
        for problem in refusal.fields:
            name = problem.field.partition(".")[0]
            name = "examples" if name == "variables" else name
            self.add_error(name if name in self.fields else None, problem.message)


class PreviewForm(forms.Form):
    """Fills in a template."""

    version = WholeNumberField(min_value=1, max_value=1_000_000, required=False, widget=forms.HiddenInput)
    variables = ValuesField(label="Values", help_text="One per line: customer.name: Ada")


class TemplateFilterForm(forms.Form):
    """Filters the list of templates."""

    name = forms.CharField(max_length=100, required=False)
    channel = forms.ChoiceField(
        choices=lambda: [
            ("", "Every channel"),
            *((name, channel.label) for name, channel in channels().items()),
        ],
        required=False,
    )


def template_choices() -> list[tuple[str, str]]:
    """Return the templates as choices for a select, starting with none."""
    labels = {name: channel.label for name, channel in channels().items()}
    return [
        ("", "None: write it here"),
        *(
            (row.public_id, f"{row.name} ({labels.get(row.channel, row.channel)})")
            for row in list_templates()
        ),
    ]
