"""Forms for charges and refunds."""

from typing import Any

from django import forms

from billing import selectors
from billing.dashboard.forms.base import MetadataTextField, currency_choices
from billing.gateways import current_gateway
from billing.models import Charge, Customer, Invoice
from billing.models.charges import METHOD_LABELS, PaymentStatus, RefundReason
from core.errors import NotFound
from core.ui.forms import FilterForm, ServiceForm
from core.values.form_fields import DayField, amount_text, read_amount


def _method_choices() -> list[tuple[str, str]]:
    gateway = current_gateway()
    if gateway is None:
        # The service gives the reason on submission; an empty list would only say that a value is missing.
        return [("none", "None: this platform has no payment gateway")]
    return [(name, METHOD_LABELS.get(name, name)) for name in gateway.payment_methods]


def _method_field() -> forms.Field:
    """Return the payment method field: a list, unless each payer has their own at this gateway."""
    gateway = current_gateway()
    if gateway is None or gateway.payment_methods:
        return forms.ChoiceField(choices=_method_choices)
    return forms.CharField(
        max_length=64,
        help_text="The id that the gateway's own library gave it in the payer's browser.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )


class AmountForm(ServiceForm):
    """An amount in the currency of the charge or refund."""

    amount = forms.CharField(max_length=32)

    def __init__(self, data: Any = None, *, currency: str, most: int) -> None:
        super().__init__(data, initial={"amount": amount_text(most, currency)})
        self.amount_currency = currency
        self.fields["amount"].label = f"Amount ({currency})"
        self.fields["amount"].help_text = f"At most {amount_text(most, currency)}."

    def clean_amount(self) -> int:
        """Convert the amount to minor units."""
        return read_amount(self.cleaned_data["amount"], self.amount_currency)


class ChargeForm(AmountForm):
    """Charges an invoice."""

    payment_method = forms.ChoiceField(choices=_method_choices)

    def __init__(self, data: Any = None, *, invoice: Invoice) -> None:
        super().__init__(data, currency=invoice.currency, most=invoice.amount_chargeable)
        self.fields["payment_method"] = _method_field()


class FreeChargeForm(ServiceForm):
    """Creates a charge without an invoice."""

    customer = forms.CharField(
        max_length=64,
        required=False,
        help_text="The customer's ID, cus_…. Leave empty for a charge without a customer.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )
    amount = forms.CharField(max_length=32)
    currency = forms.ChoiceField(choices=currency_choices)
    payment_method = forms.ChoiceField(choices=_method_choices)
    metadata = MetadataTextField(help_text="One name=value per line, up to 50.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["payment_method"] = _method_field()

    def clean_customer(self) -> Customer | None:
        """Find the customer, in this company and mode."""
        reference = self.cleaned_data["customer"].strip()
        try:
            return selectors.get_customer(reference) if reference else None
        except NotFound as error:
            raise forms.ValidationError("There is no such customer.") from error

    def clean(self) -> dict[str, Any]:
        """Convert the amount to minor units of the currency."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("amount") and values.get("currency"):
            try:
                values["amount"] = read_amount(values["amount"], values["currency"])
            except forms.ValidationError as error:
                self.add_error("amount", error)
        return values


class ChargeFilterForm(FilterForm):
    """Filters the list of charges."""

    status = forms.ChoiceField(required=False, choices=[("", "Any status"), *PaymentStatus.choices])
    invoice = forms.ChoiceField(required=False, choices=[("", "With or without"), ("none", "Without")])
    created_after = DayField(required=False, label="Created from")
    customer = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)


class RefundForm(AmountForm):
    """Refunds a charge."""

    reason = forms.ChoiceField(choices=[("", "Not specified"), *RefundReason.choices], required=False)
    credit_note = forms.BooleanField(
        required=False,
        label="Credit the invoice by the same amount",
        help_text="Issues a credit note, which is voided if the refund fails.",
    )

    def __init__(self, data: Any = None, *, charge: Charge) -> None:
        super().__init__(data, currency=charge.currency, most=charge.amount_refundable)
        if charge.invoice_id is None:
            del self.fields["credit_note"]
