"""Forms for invoices: the main form, and a small form per line."""

import re
from typing import Any

from django import forms
from django.forms import BoundField
from django.forms.utils import pretty_name
from django.utils.datastructures import MultiValueDict

from billing.dashboard.forms.base import (
    MetadataTextField,
    currency_choices,
    discount_text,
    percent_text,
    quantity_text,
    read_discount,
    read_percent,
    read_quantity,
)
from billing.dashboard.forms.parties import replacing
from billing.models import Customer, Invoice
from billing.models.invoices import InvoiceStatus
from billing.money import MAX_LINES, InvoiceAmounts, Position, price_invoice
from core.ui.forms import FilterForm, ServiceForm
from core.values.currencies import CURRENCIES
from core.values.form_fields import DayField, amount_text, read_amount

_DESCRIPTION = re.compile(r"line[0-9]+-description")
_OWN = ("prices_include_tax", "purchase_order", "service_start", "service_end", "memo", "tax_note")
BLANK_LINES = 3
MORE_LINES = 5


class LineForm(forms.Form):
    """A line; one without a description and a price is omitted."""

    description = forms.CharField(max_length=500, required=False)
    quantity = forms.CharField(max_length=32, required=False)
    unit_price = forms.CharField(max_length=32, required=False)
    discount = forms.CharField(max_length=32, required=False)
    tax_rate = forms.CharField(max_length=12, required=False, label="Tax %")

    use_required_attribute = False

    def __init__(self, *args: Any, currency: str, number: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.line_currency = currency
        for name, field in self.fields.items():
            field.widget.attrs["aria-label"] = f"{field.label or pretty_name(name)} of line {number}"

    def numbers(self) -> list[BoundField]:
        """Return the numeric fields."""
        return [self[name] for name in ("quantity", "unit_price", "discount", "tax_rate")]

    def clean(self) -> dict[str, Any]:
        """Require the fields of a line that is not blank, and parse the amounts."""
        values: dict[str, Any] = super().clean() or {}
        self.line: dict[str, Any] | None = None
        if not values.get("description") and not values.get("unit_price"):
            return values
        for name in ("description", "unit_price"):
            if not values.get(name) and name not in self.errors:
                self.add_error(name, "This field is required.")
        line: dict[str, Any] = {"description": values.get("description")}
        for field, read in (
            ("quantity", lambda text: {"quantity": read_quantity(text or "1")}),
            ("unit_price", lambda text: {"unit_amount": read_amount(text or "0", self.line_currency)}),
            ("discount", lambda text: read_discount(text, self.line_currency)),
            ("tax_rate", lambda text: {"tax_rate_bps": read_percent(text or "0")}),
        ):
            try:
                line |= read(values.get(field) or "")
            except forms.ValidationError as error:
                self.add_error(field, error)
        self.line = line
        return values


class InvoiceForm(ServiceForm):
    """Creates or edits a draft."""

    customer = forms.CharField(
        max_length=64, widget=forms.HiddenInput, error_messages={"required": "Choose a customer."}
    )
    currency = forms.ChoiceField(choices=currency_choices)
    due_date = DayField(required=False, label="Due date")
    external_id = forms.CharField(
        max_length=100, required=False, label="External ID", help_text="Unique among your invoices."
    )
    discount = forms.CharField(
        max_length=32,
        required=False,
        help_text="On the sum of the lines: an amount, or a percentage such as 10%.",
    )
    prices_include_tax = forms.BooleanField(required=False, label="Prices include tax")
    purchase_order = forms.CharField(max_length=100, required=False, help_text="The customer's number.")
    service_start = DayField(required=False, label="Service from")
    service_end = DayField(required=False, label="Service until")
    memo = forms.CharField(
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Printed below the totals.",
    )
    tax_note = forms.CharField(
        max_length=300,
        required=False,
        label="Reason for no tax",
        help_text="For an exempt customer. If empty, the default text is printed.",
    )
    metadata = MetadataTextField(help_text="One name=value per line, up to 50.")

    def __init__(self, data: Any = None, *, lines: list[dict[str, Any]] | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        currency = (self.data.get("currency") if self.is_bound else self.initial.get("currency")) or "EUR"
        self.line_currency = currency if currency in CURRENCIES else "EUR"
        self.lines = self._line_forms(data, lines or [])

    def _line_forms(self, data: Any, lines: list[dict[str, Any]]) -> list[LineForm]:
        if data is None:
            shown = [
                *lines,
                *[{"quantity": 1}] * (BLANK_LINES if len(lines) < MAX_LINES - BLANK_LINES else 0),
            ]
            return [
                LineForm(prefix=f"line{number}", initial=line, currency=self.line_currency, number=number + 1)
                for number, line in enumerate(shown)
            ]
        count = sum(f"line{number}-description" in data for number in range(MAX_LINES))
        wanted = min(count + (MORE_LINES if "more" in data else 0), MAX_LINES)
        # Newly added blank rows have no data yet; an empty value gives them their initial values.
        return [
            LineForm(
                data if number < count else MultiValueDict({f"line{number}-quantity": ["1"]}),
                prefix=f"line{number}",
                currency=self.line_currency,
                number=number + 1,
            )
            for number in range(wanted)
        ]

    @property
    def wants_more_lines(self) -> bool:
        """Whether the user asked for more rows rather than to save."""
        return "more" in self.data

    def is_valid(self) -> bool:
        """Whether the main form and every line are valid."""
        return all([super().is_valid(), *[line.is_valid() for line in self.lines]])

    @classmethod
    def for_invoice(cls, invoice: Invoice, data: Any = None) -> "InvoiceForm":
        """Return the form filled with a draft."""
        initial = {
            "customer": invoice.customer.public_id,
            "currency": invoice.currency,
            "due_date": invoice.due_date,
            "external_id": invoice.external_id,
            "metadata": invoice.metadata,
            "discount": discount_text(invoice.discount_bps, invoice.discount_amount, invoice.currency),
            **{name: getattr(invoice, name) for name in _OWN},
        }
        lines = [
            {
                "description": line.description,
                "quantity": quantity_text(line.quantity),
                "unit_price": amount_text(line.unit_amount, invoice.currency),
                "discount": discount_text(line.discount_bps, line.discount_amount, invoice.currency),
                "tax_rate": percent_text(line.tax_rate_bps),
            }
            for line in sorted(invoice.lines.all(), key=lambda line: line.position)
        ]
        return cls(data, initial=initial, lines=lines)

    def clean(self) -> dict[str, Any]:
        """Parse the discount in the currency, and check both ends of the service period together."""
        values: dict[str, Any] = super().clean() or {}
        try:
            self.read_discount = read_discount(values.get("discount") or "", self.line_currency)
        except forms.ValidationError as error:
            self.add_error("discount", error)
        if bool(values.get("service_start")) != bool(values.get("service_end")):
            self.add_error("service_end", "Enter both days, or neither.")
        read = {f"{line.prefix}-description" for line in self.lines}
        for name in self.data:
            if _DESCRIPTION.fullmatch(name) and name not in read:
                text = (
                    f"At most {MAX_LINES} lines, numbered from line0 without a gap, are read: {name} is not."
                )
                self.add_error(None, text)
                break
        return values

    def amounts(self, customer: Customer) -> tuple[list[int | None], InvoiceAmounts]:
        """Return the total of each row, or None if its numbers cannot be parsed yet, and the total of all parsed rows.

        For a form being filled in: other errors are ignored. Raises ValueError with a message for users.
        """
        self.is_valid()
        positions = {
            number: Position(**{name: line.line[name] for name in line.line if name != "description"})
            for number, line in enumerate(self.lines)
            if line.line is not None and {"quantity", "unit_amount", "tax_rate_bps"} <= line.line.keys()
        }
        found = price_invoice(
            list(positions.values()),
            **getattr(self, "read_discount", {}),
            prices_include_tax=bool(self.cleaned_data.get("prices_include_tax")),
            is_exempt=customer.tax_exempt != Customer.TaxExemption.NONE,
        )
        priced = dict(zip(positions, found.lines, strict=True))
        return [priced[row].amount if row in priced else None for row in range(len(self.lines))], found

    def unread(self) -> list[tuple[str, BoundField, str]]:
        """Return (label, field, reason) for every number that was entered but cannot be parsed, after `amounts`."""
        fields: list[tuple[str, BoundField]] = [("Discount", self["discount"])]
        for line in self.lines:
            fields += [(field.field.widget.attrs["aria-label"], field) for field in line.numbers()]
        return [(name, field, str(field.errors[0])) for name, field in fields if field.errors and field.data]

    def values(self, customer: Customer, before: Invoice | None = None) -> dict[str, Any]:
        """Return the cleaned values as the services accept them, either new or as a change of `before`."""
        head = {**self.cleaned_data, "customer": customer}
        head["external_id"] = head["external_id"] or None
        del head["discount"]
        start, end = head.pop("service_start"), head.pop("service_end")
        head |= {"service_period": {"start": start, "end": end} if start else None, **self.read_discount}
        if before is not None:
            head["metadata"] = replacing(before.metadata, head["metadata"])
        return {**head, "lines": [line.line for line in self.lines if line.line is not None]}


class InvoiceFilterForm(FilterForm):
    """Filters the list of invoices."""

    number = forms.CharField(max_length=32, required=False, label="Number")
    status = forms.ChoiceField(
        required=False, choices=[("", "Any status"), *InvoiceStatus.choices], label="Status"
    )
    created_after = DayField(required=False, label="Created from")
    due_before = DayField(required=False, label="Due before")
    overdue = forms.BooleanField(required=False)
    customer = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
