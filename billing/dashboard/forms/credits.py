"""Forms for credit notes, and for payments received outside the gateway."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms

from billing.dashboard.forms.payments import AmountForm
from billing.models import CreditNote, Invoice, OffPlatformPayment
from billing.services.credit_notes import Left
from core.ui.forms import ServiceForm
from core.values.form_fields import DayField, NameField, amount_text, read_amount


class PaymentForm(AmountForm):
    """Records a payment received outside the gateway."""

    method = forms.ChoiceField(choices=OffPlatformPayment.Methods.choices)
    paid_at = DayField(required=False, label="Received on", help_text="Leave empty for today.")
    reference = NameField(max_length=140, required=False, help_text="From the bank statement or receipt.")

    def __init__(self, data: Any = None, *, invoice: Invoice) -> None:
        super().__init__(data, currency=invoice.currency, most=invoice.amount_chargeable)

    @property
    def values(self) -> dict[str, Any]:
        """The cleaned values as the service accepts them: a day is its start in UTC."""
        day = self.cleaned_data["paid_at"]
        return {**self.cleaned_data, "paid_at": datetime.combine(day, time.min, tzinfo=UTC) if day else None}


class UndoForm(ServiceForm):
    """The reason for undoing a payment."""

    reason = NameField(max_length=300, help_text="Kept on the payment and in the audit trail.")


class VoidForm(ServiceForm):
    """The reason for voiding a credit note."""

    reason = NameField(max_length=300, required=False)


class CreditForm(ServiceForm):
    """The credit for each line: by default everything that is left."""

    reason = forms.ChoiceField(choices=[("", "Not specified"), *CreditNote.Reason.choices], required=False)
    memo = forms.CharField(
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Printed below the totals.",
    )

    def __init__(self, data: Any = None, *, invoice: Invoice, left: list[Left]) -> None:
        super().__init__(data)
        self.currency = invoice.currency
        self.left = {f"line{each.line.position}": each for each in left if each.amount}
        kind = "with" if invoice.prices_include_tax else "without"
        for name, each in self.left.items():
            most = amount_text(each.amount, invoice.currency)
            self.fields[name] = forms.CharField(
                max_length=32,
                required=False,
                label=each.line.description,
                initial=most,
                help_text=f"At most {most} {invoice.currency}, {kind} tax. Leave empty to credit nothing of this line.",
            )

    @property
    def line_fields(self) -> list[forms.BoundField]:
        """The fields of the lines."""
        return [self[name] for name in self.left]

    def clean(self) -> dict[str, Any]:
        """Parse the amounts in the currency of the invoice."""
        values: dict[str, Any] = super().clean() or {}
        self.lines = []
        for name, each in self.left.items():
            try:
                amount = read_amount(values.get(name) or "0", self.currency)
            except forms.ValidationError as error:
                self.add_error(name, error)
                continue
            if amount > each.amount:
                self.add_error(
                    name, f"At most {amount_text(each.amount, self.currency)} is left of this line."
                )
            elif amount:
                self.lines.append({"invoice_line": each.line.public_id, "amount": amount})
        return values

    @property
    def values(self) -> dict[str, Any]:
        """The cleaned values as the service accepts them."""
        return {"lines": self.lines, "reason": self.cleaned_data["reason"], "memo": self.cleaned_data["memo"]}
