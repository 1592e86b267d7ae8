"""Forms of the message pages. Channels and services hold the rules; their refusals are shown on the fields."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django import forms

from core.errors import FieldErrors
from core.ui.forms import ServiceForm
from core.values.currencies import EXPONENTS
from core.values.form_fields import MomentField, amount_text, read_amount
from messaging.attachments import EXTENSIONS, MAX_ATTACHMENTS, MAX_BYTES, Attachment, type_of
from messaging.channels import channels
from messaging.channels.sms import SENDER_FORM
from messaging.dashboard.template_forms import ValuesField, template_choices
from messaging.models import MAX_TOPIC, Status, Suppression
from messaging.services.invoices import MAX_MESSAGE
from messaging.services.spend_caps import SpendCap
from messaging.topics import TOPIC, TOPIC_FORM
from messaging.verification import MAX_DOMAIN

_TAG = re.compile(r"[A-Za-z0-9_.:-]{1,50}")
MAX_TAGS = 10


def _channel_choices() -> list[tuple[str, str]]:
    return [(name, channel.label) for name, channel in channels().items()]


def _any(choices: list[Any], words: str) -> list[Any]:
    return [("", words), *choices]


class AddressesField(forms.CharField):
    """Addresses, one per line or separated by commas or semicolons outside of quotes."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}))
        super().__init__(max_length=60_000, strip=False, **kwargs)

    def to_python(self, value: Any) -> Any:
        """Return a list of addresses."""
        text = super().to_python(value) or ""
        parts = re.split(r'[\r\n]+|[,;](?=(?:[^"]*"[^"]*")*[^"]*$)', text)
        return [part.strip() for part in parts if part.strip()]


class _FilesInput(forms.FileInput):
    """An input for several files."""

    allow_multiple_selected = True


class AttachmentsField(forms.FileField):
    """Files to attach. Their type is derived from their name, because browsers guess it."""

    widget = _FilesInput(attrs={"accept": ",".join(f".{extension}" for extension in EXTENSIONS)})

    def clean(self, data: Any, initial: Any = None) -> list[Attachment]:
        """Return the files. `create_message` validates them, except for an empty one or one without a usable name."""
        clean_one = super().clean
        files = [clean_one(file, initial) for file in data or ()]
        return [Attachment(file.name, type_of(file.name) or "", file.read()) for file in files]


class ComposeForm(forms.Form):
    """Writes a message."""

    channel = forms.ChoiceField(choices=_channel_choices)
    to = AddressesField(
        required=False,
        help_text="One per line, or separated by commas: ada@example.com, Ada <ada@example.com>, +4930123456. "
        "Empty if a customer is given below.",
    )
    customer = forms.CharField(
        max_length=100,
        required=False,
        label="Customer",
        help_text="The cus_ ID of a customer. Without “To”, the message goes to the customer's own address.",
    )
    template = forms.ChoiceField(
        choices=template_choices,
        required=False,
        help_text="Provides the subject and the texts; leave those empty.",
    )
    variables = ValuesField(help_text="Values of the template's variables, one per line: customer.name: Ada")
    subject = forms.CharField(
        max_length=998, required=False, strip=False, help_text="For email. A template may provide it."
    )
    text = forms.CharField(required=False, strip=False, widget=forms.Textarea(attrs={"rows": 8}))
    html = forms.CharField(
        required=False,
        strip=False,
        label="HTML",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="For email, instead of or in addition to the text.",
    )
    attachments = AttachmentsField(
        required=False,
        help_text=f"For email: up to {MAX_ATTACHMENTS} files, {MAX_BYTES / 1e6} MB in total. {', '.join(EXTENSIONS)}.",
    )
    sender = forms.CharField(
        max_length=600,
        required=False,
        strip=False,
        label="From",
        help_text="An address of a verified domain, or an approved SMS sender. Leave empty for your first one.",
    )
    cc = AddressesField(required=False, label="Cc")
    bcc = AddressesField(required=False, label="Bcc")
    reply_to = AddressesField(required=False, label="Reply-To")
    send_at = MomentField(
        required=False, label="Send at", help_text="UTC; up to 30 days ahead. Leave empty to send now."
    )
    topic = forms.RegexField(
        TOPIC,
        required=False,
        label="Bulk mail topic",
        error_messages={"invalid": TOPIC_FORM},
        help_text="A topic, such as newsletter, that recipients can unsubscribe from with one click. Email only; leave empty for transactional mail.",
    )
    tags = forms.CharField(
        max_length=600, required=False, help_text="Up to ten words, separated by spaces: welcome spring-news."
    )

    def clean_tags(self) -> list[str]:
        """Return the tags as a list."""
        tags = self.cleaned_data["tags"].replace(",", " ").split()
        if len(tags) > MAX_TAGS or not all(_TAG.fullmatch(tag) for tag in tags):
            raise forms.ValidationError(
                f"Use up to {MAX_TAGS} words of letters, digits and the characters _ . : -"
            )
        return tags

    @property
    def message_fields(self) -> dict[str, Any]:
        """The arguments for `create_message`."""
        fields = dict(self.cleaned_data)
        topic = fields.pop("topic")
        return {
            **fields,
            "template": fields["template"] or None,
            "customer": fields["customer"].strip() or None,
            "bulk": {"topic": topic} if topic else None,
        }

    def show_refusal(self, refusal: FieldErrors) -> None:
        """Show a service's refusal on the fields it concerns, and each address by its position in the list."""
        for problem in refusal.fields:
            name, _, index = problem.field.partition(".")
            if name == "variables" and index:
                problem = replace(problem, message=f"{index}: {problem.message}")
            name = {"from": "sender", "bulk": "topic", "template_version": "template"}.get(name, name)
            number, _, _ = index.partition(".")
            what = "File" if name == "attachments" else "Address"
            where = f"{what} {int(number) + 1}: " if number.isdigit() else ""
            self.add_error(name if name in self.fields else None, where + problem.message)


class SendInvoiceForm(ServiceForm):
    """Selects the recipient and the texts of an invoice email."""

    to = AddressesField(
        help_text="One per line, or separated by commas. Anyone who gets it can open the link."
    )
    subject = forms.CharField(max_length=998, strip=False)
    message = forms.CharField(
        max_length=MAX_MESSAGE,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Shown above the amount due and the link to the invoice.",
    )


class MessageFilterForm(forms.Form):
    """Filters the list of messages."""

    to = forms.CharField(max_length=600, required=False, label="Recipient")
    channel = forms.ChoiceField(choices=lambda: _any(_channel_choices(), "Every channel"), required=False)
    status = forms.ChoiceField(choices=_any(list(Status.choices), "Every status"), required=False)
    tag = forms.CharField(max_length=50, required=False)


class SuppressionFilterForm(forms.Form):
    """Filters the suppression list."""

    address = forms.CharField(max_length=600, required=False)
    channel = forms.ChoiceField(choices=lambda: _any(_channel_choices(), "Every channel"), required=False)
    origin = forms.ChoiceField(
        choices=_any(list(Suppression.Origins.choices), "Every origin"), required=False
    )
    topic = forms.CharField(max_length=MAX_TOPIC, required=False)


class DomainForm(ServiceForm):
    """Adds a domain."""

    domain = forms.CharField(
        max_length=MAX_DOMAIN,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
        help_text="Such as example.com. Includes its subdomains.",
    )


class SmsSenderForm(ServiceForm):
    """Requests a number or name as SMS sender."""

    sender = forms.CharField(max_length=30, help_text=SENDER_FORM)
    reason = forms.CharField(
        min_length=10,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why it is yours, and what your SMS are about. Read by staff.",
    )


class CountriesForm(ServiceForm):
    """Selects the countries that SMS can be sent to."""

    countries = forms.CharField(
        max_length=1000,
        required=False,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text="Two-letter codes (ISO 3166-1), separated by spaces: DE AT CH. Leave empty to allow none.",
    )

    def clean_countries(self) -> list[str]:
        """Return the codes as a list."""
        return [code.upper() for code in re.split(r"[\s,;]+", self.cleaned_data["countries"]) if code]


class SpendForm(ServiceForm):
    """Sets the daily spend cap for SMS, in the currency of `cap`."""

    amount = forms.CharField(
        max_length=20,
        required=False,
        label="At most, a day",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, cap: SpendCap, **kwargs: Any) -> None:
        self.cap = cap
        if cap.own is not None:
            kwargs.setdefault("initial", {"amount": self._text(cap.own)})
        super().__init__(*args, **kwargs)
        self.fields[
            "amount"
        ].help_text = f"In {cap.currency}, up to {self._text(cap.limit)}. Empty: as much as your plan allows. 0: no SMS."

    def clean_amount(self) -> Decimal | None:
        """Return the amount, or None for an empty field."""
        text = self.cleaned_data["amount"]
        if not text:
            return None
        return Decimal(read_amount(text, self.cap.currency)).scaleb(-EXPONENTS[self.cap.currency])

    def _text(self, amount: Decimal) -> str:
        return amount_text(int(amount.scaleb(EXPONENTS[self.cap.currency])), self.cap.currency)


class AppealForm(ServiceForm):
    """Asks staff to lift the limits caused by a bad reputation."""

    appeal_reason = forms.CharField(
        min_length=10,
        max_length=1000,
        label="What you have changed",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Where the addresses come from, and which ones you have stopped sending to.",
    )


class SuppressForm(ServiceForm):
    """Adds an address to the suppression list."""

    channel = forms.ChoiceField(choices=_channel_choices)
    address = forms.CharField(max_length=600)
    note = forms.CharField(max_length=200, required=False, help_text="Why, for your colleagues.")


PERIODS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}


class PeriodForm(forms.Form):
    """Selects the period of the statistics page."""

    period = forms.ChoiceField(choices=list(PERIODS.items()), required=False)
    channel = forms.ChoiceField(choices=lambda: _any(_channel_choices(), "Every channel"), required=False)
    tag = forms.CharField(max_length=50, required=False)
