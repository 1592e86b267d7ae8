"""Forms about customers."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator

from billing.dashboard.forms.base import MetadataTextField, ServiceForm
from billing.models import Customer
from core.form_fields import DayField, EmailAddressField, NameField

ADDRESS_PARTS = ("line1", "line2", "postal_code", "city", "state", "country")


class CustomerForm(ServiceForm):
    """Create or edit a customer."""

    name = NameField(max_length=200)
    email = EmailAddressField(max_length=254, required=False)
    phone = forms.CharField(
        max_length=32, required=False, help_text="In the international form, such as +49 30 123456."
    )
    line1 = forms.CharField(max_length=200, required=False, label="Address line 1")
    line2 = forms.CharField(max_length=200, required=False, label="Address line 2")
    postal_code = forms.CharField(max_length=20, required=False)
    city = forms.CharField(max_length=100, required=False)
    state = forms.CharField(max_length=100, required=False, label="State or region")
    country = forms.CharField(
        max_length=2,
        required=False,
        validators=[RegexValidator(r"^[A-Z]{2}\Z", "Use an ISO 3166-1 code of two capitals, such as DE.")],
        help_text="Two letters, such as DE.",
    )
    external_id = forms.CharField(
        max_length=100, required=False, label="Your own id", help_text="Unique among your customers."
    )
    metadata = MetadataTextField()

    @classmethod
    def for_customer(cls, customer: Customer, data: Any = None) -> "CustomerForm":
        """Return the form filled with a customer."""
        own = {
            name: getattr(customer, name) for name in ("name", "email", "phone", "external_id", "metadata")
        }
        return cls(data, initial={**own, **(customer.address or {})})

    @property
    def values(self) -> dict[str, Any]:
        """The cleaned values as the services take them."""
        found = dict(self.cleaned_data)
        found["address"] = {part: found.pop(part) for part in ADDRESS_PARTS}
        found["external_id"] = found["external_id"] or None
        return found


class CustomerFilterForm(forms.Form):
    """Narrows the list of customers."""

    search = forms.CharField(
        max_length=200,
        required=False,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": "Beginning of a name, email, phone or your own id"}
        ),
    )
    created_after = DayField(required=False, label="Created from")
    metadata_key = forms.CharField(max_length=40, required=False, label="Metadata name")
    metadata_value = forms.CharField(max_length=500, required=False, label="Metadata value")

    @property
    def chosen(self) -> dict[str, Any]:
        """The valid, non-empty filters."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}
