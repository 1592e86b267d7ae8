"""Forms for customers."""

from typing import Any

from django import forms

from billing.dashboard.forms.base import MetadataTextField
from billing.dashboard.forms.parties import AddressFields, TaxIdsField, language_choices, replacing
from billing.models import Customer
from billing.models.customers import TaxExemption
from core.ui.forms import FilterForm, ServiceForm
from core.values.form_fields import DayField, EmailAddressField, NameField
from core.values.metadata import MAX_NAME, MAX_VALUE

_OWN = (
    "name",
    "email",
    "phone",
    "external_id",
    "metadata",
    "tax_ids",
    "tax_exempt",
    "preferred_language",
)


class CustomerForm(AddressFields, ServiceForm):
    """Creates or edits a customer."""

    name = NameField(max_length=200)
    email = EmailAddressField(max_length=254, required=False)
    phone = forms.CharField(
        max_length=32, required=False, help_text="In international format, such as +49 30 123456."
    )
    tax_ids = TaxIdsField()
    tax_exempt = forms.ChoiceField(
        choices=TaxExemption.choices,
        required=False,
        label="Tax",
        help_text="With reverse charge, the buyer owes the tax and the invoice carries none.",
    )
    preferred_language = forms.ChoiceField(
        choices=language_choices("Same as the seller's"), required=False, label="Document language"
    )
    external_id = forms.CharField(
        max_length=100, required=False, label="External ID", help_text="Unique among your customers."
    )
    metadata = MetadataTextField()

    @classmethod
    def for_customer(cls, customer: Customer, data: Any = None) -> "CustomerForm":
        """Return the form filled with a customer."""
        own = {name: getattr(customer, name) for name in _OWN}
        return cls(data, initial={**own, **(customer.address or {})})

    @property
    def values(self) -> dict[str, Any]:
        """The cleaned values as the services accept them."""
        found = dict(self.cleaned_data)
        found["address"] = self.pop_address(found)
        found["external_id"] = found["external_id"] or None
        found["tax_exempt"] = found["tax_exempt"] or TaxExemption.NONE.value
        return found

    def changes_of(self, customer: Customer) -> dict[str, Any]:
        """Return the values as a change of `customer`: metadata entries deleted from the field are removed."""
        return {**self.values, "metadata": replacing(customer.metadata, self.values["metadata"])}


class CustomerFilterForm(FilterForm):
    """Filters the list of customers."""

    search = forms.CharField(
        max_length=200,
        required=False,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": "Beginning of a name, email, phone or external ID"}
        ),
    )
    created_after = DayField(required=False, label="Created from")
    metadata_key = forms.CharField(max_length=MAX_NAME, required=False, label="Metadata name")
    metadata_value = forms.CharField(max_length=MAX_VALUE, required=False, label="Metadata value")
