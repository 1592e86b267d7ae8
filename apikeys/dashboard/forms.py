"""Forms of the key pages. They parse; the services decide, and their field errors come back here."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms

from apikeys.models import (
    DEFAULT_RATE_LIMIT,
    DEFAULT_ROTATION_DAYS,
    MAX_NAME_LENGTH,
    MAX_PLACE_LENGTH,
    ApiKey,
)
from apikeys.policy import NEEDS_NETWORKS, NEEDS_SECOND_FACTOR, NO_FULL_ACCESS, KeyPolicy
from apikeys.selectors import STATES, KeyFilter
from apikeys.services import OVERLAPS, KeySettings
from apikeys.services.settings import MAX_RATE_LIMIT
from core import clock
from core.api import versions
from core.api.scopes import SCOPES
from core.errors import FieldErrors
from core.values.form_fields import DayField, NameField, WholeNumberField

EXPIRY_CHOICES = [
    ("30", "In 30 days"),
    ("90", "In 90 days"),
    ("365", "In a year"),
    ("custom", "On a custom day"),
    ("never", "Never"),
]
OVERLAP_LABELS = {
    "none": "It stops working immediately. Choose this if the secret may have leaked.",
    "1h": "It works for 1 more hour",
    "24h": "It works for 24 more hours",
    "7d": "It works for 7 more days",
}
# A key used within this time is in use: rotating it without an overlap would break an integration.
IN_USE_WITHIN = timedelta(days=7)
# The form field that shows each service field.
_SHOWN_AT = {"expires_at": "expires_on"}


class KeyForm(forms.Form):
    """The settings of a key."""

    name = NameField(
        max_length=MAX_NAME_LENGTH,
        help_text="One key for each integration: “billing worker”, “website form”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(max_length=500, required=False, widget=forms.TextInput())
    kind = forms.ChoiceField(
        choices=ApiKey.Kind.choices, initial=ApiKey.Kind.SERVER, widget=forms.RadioSelect
    )
    scopes = forms.MultipleChoiceField(choices=[(name, name) for name in SCOPES])
    expiry = forms.ChoiceField(label="Expires", choices=EXPIRY_CHOICES, initial="90")
    expires_on = DayField(
        label="Expiry day",
        required=False,
        help_text="The key works until the end of that day (UTC).",
    )
    rotation_days = WholeNumberField(
        label="Rotation reminder (days)",
        required=False,
        initial=DEFAULT_ROTATION_DAYS,
        help_text="90 days is recommended. Leave empty for no reminder.",
    )
    api_version = forms.ChoiceField(
        label="API version",
        help_text="The version of this key's requests, unless they name another. Try one with the Pomelo-Version header first.",
    )
    rate_limit = WholeNumberField(label="Requests per minute", initial=DEFAULT_RATE_LIMIT)
    allowed_networks = forms.CharField(
        label="Allowed addresses",
        required=False,
        help_text="One address or range per line, such as 203.0.113.7 or 203.0.113.0/24. Leave empty for any address.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    allowed_origins = forms.CharField(
        label="Allowed origins",
        required=False,
        help_text="Browser keys only, one per line: https://app.example.com or https://*.example.com.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    confirm_wildcard = forms.BooleanField(
        label="I understand that with * any website can use this key, including to write or send",
        required=False,
    )

    def __init__(
        self,
        *args: Any,
        plan_limit: int,
        policy: KeyPolicy,
        editing: ApiKey | None = None,
        **kwargs: Any,
    ) -> None:
        if editing is not None:
            kwargs.setdefault("initial", initial_values(editing))
        super().__init__(*args, **kwargs)
        self.editing, self.plan_limit = editing, plan_limit
        self.fields["rate_limit"].help_text = f"At most {plan_limit:,}, the limit of your plan."
        if editing is not None:
            # A secret that has been public in a browser must not become a server key's.
            del self.fields["kind"]
        self._offer_versions(editing)
        self._state_policy(policy)

    def _state_policy(self, policy: KeyPolicy) -> None:
        """Show the company's policy beside each field and drop forbidden choices. The service enforces it."""
        if policy.longest_days is not None:
            expiry = self.fields["expiry"]
            expiry.help_text = policy.longest_life
            days = policy.longest_days
            offered = [
                (value, label)
                for value, label in EXPIRY_CHOICES
                if value == "custom" or (value.isdigit() and int(value) <= days)
            ]
            expiry.choices = offered  # type: ignore[attr-defined]
            if self.editing is None and expiry.initial not in dict(offered):
                expiry.initial = offered[-2][0] if len(offered) > 1 else "custom"
            elif self.editing is not None and self.editing.expires_at is None:
                self.initial["expiry"] = "custom"
        if policy.needs_networks:
            networks = self.fields["allowed_networks"]
            networks.help_text = f"{NEEDS_NETWORKS} One address or range per line, with at most as many public addresses as a /8 of IPv4 and a /20 of IPv6."
        if policy.refuses_full_access:
            self.fields["scopes"].help_text = NO_FULL_ACCESS
        if policy.needs_second_factor:
            self.fields["name"].help_text = f"{self.fields['name'].help_text} {NEEDS_SECOND_FACTOR}"

    def _offer_versions(self, editing: ApiKey | None) -> None:
        """A new key gets the newest version; an existing one may switch if there is a choice."""
        dates = versions.choices_for(editing.api_version if editing is not None else None)
        if not dates:
            del self.fields["api_version"]
            return
        self.fields["api_version"].choices = [(date, date) for date in dates]  # type: ignore[attr-defined]

    def clean_rate_limit(self) -> int:
        """Refuse a limit above the plan's, which would silently be capped. A limit kept from a larger plan may stay."""
        wanted = int(self.cleaned_data["rate_limit"])
        kept = self.editing is not None and self.editing.rate_limit == wanted
        if self.plan_limit < wanted <= MAX_RATE_LIMIT and not kept:
            raise forms.ValidationError(
                f"Your plan allows {self.plan_limit:,} requests a minute.", code="above_plan"
            )
        return wanted

    def clean(self) -> dict[str, Any]:
        """Require a date for a custom expiry, and treat any given date as a custom expiry."""
        cleaned = super().clean() or {}
        if cleaned.get("expires_on") and "expires_on" in self.changed_data:
            if "expiry" in self.changed_data and cleaned.get("expiry") != "custom":
                self.add_error("expires_on", "Clear the day, or choose “On a custom day” above.")
            else:
                cleaned["expiry"] = "custom"
        if (
            cleaned.get("expiry") == "custom"
            and not cleaned.get("expires_on")
            and "expires_on" not in self.errors
        ):
            self.add_error("expires_on", "Choose a day.")
        return cleaned

    def chosen(self) -> KeySettings:
        """The settings a valid form describes."""
        data = self.cleaned_data
        return KeySettings(
            name=data["name"],
            description=data["description"],
            kind=data.get("kind", ApiKey.Kind.SERVER),
            scopes=data["scopes"],
            rate_limit=data["rate_limit"],
            allowed_networks=data["allowed_networks"].split(),
            allowed_origins=data["allowed_origins"].split(),
            expires_at=self._expires_at(),
            rotation_days=data["rotation_days"],
            wildcard_confirmed=data["confirm_wildcard"],
            api_version=data.get("api_version"),
        )

    def _expires_at(self) -> datetime | None:
        expiry, day = self.cleaned_data["expiry"], self.cleaned_data["expires_on"]
        if expiry == "never":
            return None
        if expiry != "custom":
            return clock.now() + timedelta(days=int(expiry))
        current = self.editing.expires_at if self.editing is not None else None
        if current is not None and current.date() == day:
            # Saving the form unchanged must not change the expiry.
            return current
        return datetime.combine(day, time(23, 59, 59), tzinfo=UTC)

    def show_errors(self, error: FieldErrors) -> None:
        """Put what the service refused beside the fields."""
        for field in error.fields:
            name = _SHOWN_AT.get(field.field, field.field)
            self.add_error(name if name in self.fields else None, field.message)


def initial_values(key: ApiKey) -> dict[str, Any]:
    """A key's settings as the form shows them."""
    return {
        "name": key.name,
        "description": key.description,
        "scopes": key.scopes,
        "expiry": "never" if key.expires_at is None else "custom",
        "expires_on": key.expires_at.date() if key.expires_at is not None else None,
        "rotation_days": key.rotation_days,
        "api_version": key.api_version,
        "rate_limit": key.rate_limit,
        "allowed_networks": "\n".join(key.allowed_networks),
        "allowed_origins": "\n".join(key.allowed_origins),
    }


class KeyFilterForm(forms.Form):
    """Filters of the list of keys. Invalid values are ignored."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "Name, Client ID, or the end of a secret"}),
    )
    state = forms.ChoiceField(label="Status", required=False, choices=[("", "Any"), *STATES.items()])
    scope = forms.ChoiceField(required=False, choices=[("", "Any"), *((name, name) for name in SCOPES)])

    def chosen(self) -> KeyFilter:
        """Return the filter that the form describes."""
        self.is_valid()
        found = self.cleaned_data
        return KeyFilter(text=found.get("q", ""), state=found.get("state", ""), scope=found.get("scope", ""))


class RotateForm(forms.Form):
    """What happens to the old secret. For a key in use it keeps working for another day by default."""

    overlap = forms.ChoiceField(
        label="The old secret",
        choices=list(OVERLAP_LABELS.items()),
        initial="none",
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, keys: Sequence[ApiKey], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        since = clock.now() - IN_USE_WITHIN
        if any(key.last_used_at and key.last_used_at >= since and not key.leaked_at for key in keys):
            self.initial["overlap"] = "24h"

    def chosen(self) -> timedelta:
        """The overlap."""
        return OVERLAPS[self.cleaned_data["overlap"]]


class RevokeForm(forms.Form):
    """Why a key is revoked."""

    leaked = forms.BooleanField(
        label="The secret has leaked",
        required=False,
        help_text="The revocation then cannot be undone, and what the key has created since is switched off.",
    )
    since = forms.ChoiceField(
        label="If so, switch off what it created",
        choices=[
            ("created", "Since it was created"),
            ("30", "In the last 30 days"),
            ("7", "In the last 7 days"),
            ("1", "In the last 24 hours"),
        ],
        required=False,
    )

    def since_of(self, key: ApiKey) -> datetime:
        """Return the chosen moment for `key`; not before it was created."""
        chosen = self.cleaned_data["since"] or "created"
        return key.created if chosen == "created" else clock.now() - timedelta(days=int(chosen))


class NeverRenderedInput(forms.TextInput):
    """A text input whose value is never rendered back into the page."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Leave the value out."""
        return super().get_context(name, None, attrs)


class FoundKeyForm(forms.Form):
    """A report of an exposed secret. The pasted text is never rendered back into a page."""

    secret = forms.CharField(
        label="The secret you found",
        help_text="The whole secret, or the line that contains it. It starts with pm_live_ or pm_test_.",
        widget=NeverRenderedInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off", "class": "mono"}
        ),
    )
    found_at = forms.CharField(
        label="Where you found it",
        required=False,
        max_length=MAX_PLACE_LENGTH,
        help_text="A URL or a few words. Helps its owners remove it.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def show_errors(self, error: FieldErrors) -> None:
        """Put what the service refused beside the fields."""
        for field in error.fields:
            self.add_error(field.field, field.message)
