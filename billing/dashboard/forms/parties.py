"""Fields shared by the forms for sellers and customers: an address, and tax identifiers as text."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.validators import RegexValidator

from billing.languages import Language
from billing.services.party_fields import ADDRESS_PARTS
from billing.tax_ids import KINDS
from core.values.texts import lines_of


class AddressFields(forms.Form):
    """The parts of an address."""

    line1 = forms.CharField(max_length=200, required=False, label="Address line 1")
    line2 = forms.CharField(max_length=200, required=False, label="Address line 2")
    postal_code = forms.CharField(max_length=20, required=False)
    city = forms.CharField(max_length=100, required=False)
    state = forms.CharField(max_length=100, required=False, label="State or region")
    country = forms.CharField(
        max_length=2,
        required=False,
        validators=[
            RegexValidator(r"^[A-Z]{2}\Z", "Use a two-letter uppercase ISO 3166-1 code, such as DE.")
        ],
        help_text="Two letters, such as DE.",
    )

    def pop_address(self, values: dict[str, Any]) -> dict[str, str]:
        """Remove the address parts from `values` and return them; an empty part removes the stored one."""
        return {part: values.pop(part) for part in ADDRESS_PARTS}


class TaxIdsField(forms.CharField):
    """Tax identifiers as text: one per line, the kind before the number."""

    def __init__(self, **kwargs: Any) -> None:
        kinds = ", ".join(KINDS)
        kwargs = {
            "required": False,
            "max_length": 500,
            "label": "Tax IDs",
            "help_text": f"One per line, starting with the kind; an EU VAT ID needs none. Kinds: {kinds}.",
            "widget": forms.Textarea(
                attrs={"rows": 2, "spellcheck": "false", "placeholder": "eu_vat DE136695976"}
            ),
            **kwargs,
        }
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Format identifiers as lines."""
        if isinstance(value, list):
            return "\n".join(f"{each['type']} {each['value']}" for each in value)
        return value

    def clean(self, value: Any) -> list[dict[str, str]]:
        """Parse the lines; the service validates the numbers."""
        return [_read(line) for line in lines_of(super().clean(value)) if line.strip()]


def _read(line: str) -> dict[str, str]:
    kind, _, number = line.strip().partition(" ")
    if kind in KINDS:
        return {"type": kind, "value": number.strip()}
    return {"type": "eu_vat", "value": line.strip()}


def language_choices(empty: str = "") -> list[tuple[str, str]]:
    """Return the document languages as choices; `empty` is the label for none."""
    return [*([("", empty)] if empty else []), *Language.choices]


def replacing(before: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the change that results in exactly `values` where the services would merge: removed entries become null."""
    return {**dict.fromkeys(before), **values}
