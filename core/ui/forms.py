"""Base classes for forms."""

from typing import Any

from django import forms

from core.errors import DomainError, FieldErrors
from core.values.texts import lines_of


class ServiceForm(forms.Form):
    """A form whose values are validated by a service."""

    def show_refusal(self, refusal: DomainError) -> None:
        """Add a service's error to the fields it concerns, or to the form as a whole."""
        if not isinstance(refusal, FieldErrors):
            self.add_error(None, refusal.page_detail)
            return
        for problem in refusal.fields:
            # "lines.0.quantity" maps to the form's "lines", "address.country" to its "country".
            first, last = problem.field.partition(".")[0], problem.field.rpartition(".")[2]
            name = next((each for each in (first, last) if each in self.fields), None)
            self.add_error(name, problem.message)


def read_pairs(text: str, *, separator: str, hint: str) -> dict[str, str]:
    """Return names and values that stand one pair a line. Raises ValidationError: with `hint` for a line without `separator`."""
    found: dict[str, str] = {}
    for line in lines_of(text):
        if not line.strip():
            continue
        name, separated, value = line.partition(separator)
        if not separated:
            raise forms.ValidationError(hint)
        if name.strip() in found:
            raise forms.ValidationError(f"{name.strip()} appears twice.")
        found[name.strip()] = value.strip()
    return found


class FilterForm(forms.Form):
    """Filters a list. Invalid filters are ignored, and their fields show why."""

    @property
    def chosen(self) -> dict[str, Any]:
        """The valid, non-empty filters."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}
