"""Forms about charges and refunds."""

from typing import Any

from django import forms

from billing.dashboard.forms.base import ServiceForm, read_amount
from billing.gateways import current_gateway
from billing.models import Charge, Invoice
from core.currencies import decimal_text

_CARD_LABELS = {
    "card_success": "Test card: succeeds",
    "card_declined": "Test card: declined",
    "card_insufficient_funds": "Test card: insufficient funds",
    "card_timeout_success": "Test card: succeeds after a time-out",
    "card_timeout_unknown": "Test card: never answers",
}


class AmountForm(ServiceForm):
    """Asks for an amount in the currency of what is charged or refunded."""

    amount = forms.CharField(max_length=32)

    def __init__(self, data: Any = None, *, currency: str, most: int) -> None:
        super().__init__(data, initial={"amount": decimal_text(most, currency)})
        self.amount_currency = currency
        self.fields["amount"].label = f"Amount ({currency})"
        self.fields["amount"].help_text = f"At most {decimal_text(most, currency)}."

    def clean_amount(self) -> int:
        """Read the amount into minor units."""
        return read_amount(self.cleaned_data["amount"], self.amount_currency)


class ChargeForm(AmountForm):
    """Charge an invoice."""

    payment_method = forms.ChoiceField()

    def __init__(self, data: Any = None, *, invoice: Invoice) -> None:
        super().__init__(data, currency=invoice.currency, most=invoice.amount_chargeable)
        methods = current_gateway().payment_methods
        self.fields["payment_method"].choices = [(name, _CARD_LABELS.get(name, name)) for name in methods]  # type: ignore[attr-defined]


class RefundForm(AmountForm):
    """Refund a charge."""

    def __init__(self, data: Any = None, *, charge: Charge) -> None:
        super().__init__(data, currency=charge.currency, most=charge.amount_refundable)
