"""The form for the company's details on its invoices."""

from typing import Any

from django import forms

from billing.dashboard.forms.parties import AddressFields, TaxIdsField, language_choices
from billing.logos import MAX_UPLOAD
from billing.models import Seller
from billing.services.party_fields import BANK_PARTS
from core.ui.forms import ServiceForm
from core.values.form_fields import NameField

_OWN = ("legal_name", "tax_ids", "footer", "number_prefix", "language")


class SellerForm(AddressFields, ServiceForm):
    """Name, address, tax IDs, bank details, and document settings."""

    legal_name = NameField(max_length=200, required=False, help_text="The company's registered name.")
    tax_ids = TaxIdsField()
    account_holder = forms.CharField(max_length=100, required=False)
    bank_name = forms.CharField(max_length=100, required=False, label="Bank")
    iban = forms.CharField(max_length=42, required=False, label="IBAN")
    bic = forms.CharField(max_length=14, required=False, label="BIC")
    account_number = forms.CharField(max_length=40, required=False, help_text="If there is no IBAN.")
    routing_number = forms.CharField(max_length=40, required=False)
    logo = forms.FileField(
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg"}),
        help_text=f"PNG or JPEG, at most {MAX_UPLOAD // 1024} KiB. Shown at the top of your documents, on white.",
    )
    remove_logo = forms.BooleanField(required=False, label="Remove the logo")
    footer = forms.CharField(
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="At the bottom of each page: registration number, managing directors, …",
    )
    number_prefix = forms.CharField(
        max_length=16,
        required=False,
        label="Number prefix",
        help_text="INV if empty. Numbering continues; test invoice numbers begin with TEST.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )
    language = forms.ChoiceField(
        choices=language_choices(), help_text="A customer's own language takes precedence."
    )

    @classmethod
    def for_seller(cls, seller: Seller, data: Any = None, uploads: Any = None) -> "SellerForm":
        """Return the form filled with the current details."""
        own: dict[str, Any] = {name: getattr(seller, name) for name in _OWN}
        form = cls(data, uploads, initial={**own, **(seller.address or {}), **(seller.bank_details or {})})
        if seller.logo is None:
            del form.fields["remove_logo"]
        return form

    @property
    def values(self) -> dict[str, Any]:
        """The cleaned values as the service accepts them."""
        found = dict(self.cleaned_data)
        found["address"] = self.pop_address(found)
        found["bank_details"] = {part: found.pop(part) for part in BANK_PARTS}
        sent, is_removed = found.pop("logo"), found.pop("remove_logo", False)
        if sent is not None or is_removed:
            found["logo"] = sent.read(MAX_UPLOAD + 1) if sent is not None else None
        return found
