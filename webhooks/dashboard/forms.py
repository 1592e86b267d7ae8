"""Forms of the webhook pages. Rules live in webhooks.services.validation; its errors are put on the fields here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms

from core import clock
from core.api import versions
from core.outbound import loopback, public_policy
from core.ui.forms import FilterForm, ServiceForm, read_pairs
from core.values.form_fields import MomentField
from webhooks.catalogue import ALL, CATALOGUE, TEST_EVENT, groups
from webhooks.models import Delivery, Endpoint, RecoveryJob
from webhooks.samples import described_groups
from webhooks.services.secrets import OVERLAPS

_OVERLAP_LABELS = {
    "none": "Immediately",
    "1h": "After one hour",
    "24h": "After 24 hours (recommended)",
    "7d": "After seven days",
}
_PERIODS = {1: "The last hour", 24: "The last 24 hours", 72: "The last 3 days", 168: "The last 7 days"}


def _event_choices() -> list[tuple[str, str]]:
    choices = [(ALL, "All events, including future ones")]
    for resource, names in groups().items():
        choices.append((f"{resource}.*", f"{resource}.*: all {resource} events"))
        choices += [(name, name) for name in names]
    return choices


def _where_to() -> str:
    """Return what a URL may be on this installation, by its settings and by whether its own machine is still a receiver."""
    policy = public_policy()
    text = "Receives a signed POST for every event: at a public address, on port 443, 8443 or 80, by HTTPS if it carries real data."
    further = []
    if policy.own_machine and loopback.is_open():
        further.append("its own machine (localhost)")
    if policy.allowed_networks:
        further.append("the networks that its operator allows")
    return (
        f"{text} This installation also sends to {' and '.join(further)}, on any port." if further else text
    )


class EndpointForm(ServiceForm):
    """Create or edit an endpoint."""

    url = forms.CharField(
        label="URL",
        max_length=2048,
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/webhooks", "autocomplete": "off"}),
    )
    description = forms.CharField(
        max_length=500, required=False, help_text="What this endpoint is for, for your colleagues."
    )
    events = forms.MultipleChoiceField(
        choices=_event_choices, widget=forms.CheckboxSelectMultiple, initial=[ALL], label="Events"
    )
    headers = forms.CharField(
        required=False,
        max_length=12_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": "X-Tenant: acme"}),
        help_text="Sent with every delivery: one “Name: value” per line. Stored encrypted. Values are not shown again: "
        "[hidden] keeps one, as long as the URL stays on the same host.",
        label="Custom headers",
    )

    api_version = forms.ChoiceField(
        label="API version", help_text="The objects in what is sent are shown as this version shows them."
    )

    def __init__(self, *args: Any, api_version: str | None = None, **kwargs: Any) -> None:
        """Offer the endpoint's API version; a new endpoint gets the newest without a choice."""
        super().__init__(*args, **kwargs)
        self.fields["url"].help_text = _where_to()
        dates = versions.choices_for(api_version)
        if not dates:
            del self.fields["api_version"]
        else:
            self.fields["api_version"].choices = [(date, date) for date in dates]  # type: ignore[attr-defined]

    @classmethod
    def for_endpoint(cls, shown: dict[str, Any], data: Any = None) -> EndpointForm:
        """Return the form filled from an endpoint's representation."""
        headers = "\n".join(f"{name}: {value}" for name, value in shown["headers"].items())
        return cls(data, initial={**shown, "headers": headers}, api_version=shown["api_version"])

    def clean_events(self) -> list[str]:
        """Drop events covered by a selected group: with scripts, ticking a group ticks all its events too."""
        chosen: list[str] = self.cleaned_data["events"]
        if ALL in chosen:
            return [ALL]
        whole = {name for name in chosen if name.endswith(".*")}
        return [name for name in chosen if name in whole or f"{name.partition('.')[0]}.*" not in whole]

    def event_groups(self) -> list[dict[str, Any]]:
        """Return the picker's events by resource, each with whether it is selected."""
        checked = set(self["events"].value() or ())
        return [
            {
                "pattern": f"{group['resource']}.*",
                "is_checked": f"{group['resource']}.*" in checked,
                "resource": group["resource"].replace("_", " "),
                "events": [{**event, "is_checked": event["type"] in checked} for event in group["events"]],
            }
            for group in described_groups()
        ]

    def is_for_all(self) -> bool:
        """Return whether every event is selected."""
        return ALL in (self["events"].value() or ())

    def clean_headers(self) -> dict[str, str]:
        """Parse one header per line."""
        return read_pairs(
            self.cleaned_data["headers"],
            separator=":",
            hint="Write each header as “Name: value” on its own line.",
        )


class TestForm(forms.Form):
    """The event type of a test. In live mode only the plain test event is available."""

    event = forms.ChoiceField(choices=[], label="Event", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plain = (TEST_EVENT, "A plain test")
        named = [(group, [(name, name) for name in names]) for group, names in groups().items()]
        self.fields["event"].choices = [plain, *named]  # type: ignore[attr-defined]

    def chosen(self) -> str:
        """Return the event type of a valid form."""
        return self.cleaned_data["event"] or TEST_EVENT


class RotateForm(forms.Form):
    """When the old secret ends."""

    overlap = forms.ChoiceField(
        choices=[(name, _OVERLAP_LABELS[name]) for name in OVERLAPS],
        initial="24h",
        label="The old secret stops signing",
        help_text="Until then every delivery carries both signatures, so the receiver can switch over without failures.",
    )


class RecoverForm(forms.Form):
    """What to send again, and since when."""

    kind = forms.ChoiceField(
        choices=RecoveryJob.Kind.choices, widget=forms.RadioSelect, initial="recover", label="What to send"
    )
    hours = forms.TypedChoiceField(choices=list(_PERIODS.items()), coerce=int, initial=24, label="From")

    @property
    def since(self) -> Any:
        """The start of the chosen period."""
        return clock.now() - timedelta(hours=self.cleaned_data["hours"])


class DeliveryFilterForm(FilterForm):
    """Narrows the list of deliveries. An unknown value is ignored."""

    endpoint = forms.ChoiceField(required=False)
    event_type = forms.ChoiceField(
        required=False, choices=[("", "Any event"), *((name, name) for name in CATALOGUE)], label="Event"
    )
    status = forms.ChoiceField(required=False, choices=[("", "Any status"), *Delivery.Status.choices])
    created_after = MomentField(required=False, label="Since (UTC)")

    def __init__(self, *args: Any, endpoints: list[Endpoint], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["endpoint"].choices = [  # type: ignore[attr-defined]
            ("", "Any endpoint"),
            *((each.public_id, each.url) for each in endpoints),
        ]
