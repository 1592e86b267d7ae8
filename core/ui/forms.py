"""What forms of several apps share."""

from typing import Any

from django import forms

from core.errors import DomainError, FieldErrors


class ServiceForm(forms.Form):
    """A form whose values a service judges."""

    def show_refusal(self, refusal: DomainError) -> None:
        """Put a service's refusal on the fields it is about, or above the form."""
        if not isinstance(refusal, FieldErrors):
            self.add_error(None, refusal.page_detail)
            return
        for problem in refusal.fields:
            # "lines.0.quantity" belongs to the form's "lines", "address.country" to its "country".
            first, last = problem.field.partition(".")[0], problem.field.rpartition(".")[2]
            name = next((each for each in (first, last) if each in self.fields), None)
            self.add_error(name, problem.message)


class FilterForm(forms.Form):
    """Narrows a list: what is malformed is left out, and the field says why."""

    @property
    def chosen(self) -> dict[str, Any]:
        """The valid, non-empty filters."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}
