"""The filters of the audit and request pages. All are optional, and an invalid value is reported beside its field."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from audit.dashboard.narrowing import is_client_id, is_path, is_status
from audit.outcomes import OUTCOMES
from audit.selectors import EntryFilter, RequestFilter
from core import clock
from core.api.scopes import SCOPES
from core.errors import FieldErrors
from core.events import EVENT_TYPES
from core.resources import list_resources, pomelo_apps
from core.values import ids
from core.values.form_fields import MomentField

PERIODS = {
    "": "Any time",
    "1h": "Last hour",
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
}
_LENGTHS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
STATUSES = {
    "": "Any",
    "2xx": "2xx success",
    "4xx": "4xx refused",
    "5xx": "5xx failed",
    **{str(code): str(code) for code in (400, 401, 403, 404, 409, 422, 429, 500, 503)},
}
# Refusals by the guard that a company can fix.
REFUSALS = (
    "insufficient_scope",
    "ip_not_allowed",
    "origin_not_allowed",
    "https_required",
    "key_expired",
    "key_revoked",
    "company_suspended",
    "rate_limited",
    "daily_cap_exceeded",
    "validation_failed",
    "not_found",
)


def action_groups() -> list[tuple[str, str]]:
    """Return the groups of actions to choose from: the subjects of the installed apps' events, with their labels."""
    about = {kind.partition(".")[0] for kind in EVENT_TYPES}
    names = {found.object: found.title for found in list_resources() if found.object in about}
    for app in pomelo_apps():
        names |= app.audit_labels
    return [
        ("", "Any"),
        *((f"{group}.*", name) for group, name in sorted(names.items(), key=lambda one: one[1])),
    ]


def _moment(label: str) -> MomentField:
    return MomentField(
        label=f"{label} (UTC)",
        required=False,
        validators=[MinValueValidator(_FIRST), MaxValueValidator(_LAST)],
    )


class _PeriodForm(forms.Form):
    """Filters with a period; `chosen()` is what the selectors take."""

    def text(self, name: str) -> str:
        """Return the value of a text field, empty if missing or invalid."""
        return (
            str(self.cleaned_data.get(name) or "") if self.is_valid() or hasattr(self, "cleaned_data") else ""
        )

    @property
    def begin(self) -> datetime | None:
        """The start of the chosen period or the given time, whichever is later."""
        length = _LENGTHS.get(self.text("period"))
        begins = [clock.now() - length] if length else []
        if self.text("since"):
            begins.append(self.cleaned_data["since"])
        return max(begins) if begins else None

    @property
    def end(self) -> datetime | None:
        """The end of the given minute."""
        return self.cleaned_data["until"] + timedelta(minutes=1) if self.text("until") else None

    def applied(self) -> dict[str, str]:
        """Return the active filters as entered. Raises FieldErrors naming the invalid ones."""
        if not self.is_valid():
            raise FieldErrors.of_form(self)
        return {name: str(self.data[name]) for name in self.fields if self.cleaned_data[name]}

    def refuse(self, fields: Any) -> None:
        """Show a selector's errors beside their fields."""
        for error in fields:
            name = {"text": "q"}.get(error.field, error.field)
            self.add_error(name if name in self.fields else None, error.message)


class EntryFilterForm(_PeriodForm):
    """Filters of the audit page."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "Person, identifier, action or request"}),
    )
    action = forms.ChoiceField(required=False, choices=action_groups, label="About")
    actor = forms.CharField(required=False, max_length=200)
    ip = forms.CharField(label="Address", required=False, max_length=50)
    period = forms.ChoiceField(required=False, choices=list(PERIODS.items()))
    since = _moment("From")
    until = _moment("To")

    def chosen(self) -> EntryFilter:
        """Return the filter the form describes."""
        return EntryFilter(
            action=self.text("action"),
            actor=self.text("actor"),
            ip=self.text("ip"),
            text=self.text("q"),
            since=self.begin,
            until=self.end,
        )


_COULD_BE: dict[str, Callable[[str], bool]] = {"key": is_client_id, "route": is_path, "status": is_status}


class RequestFilterForm(_PeriodForm):
    """Filters of the request page."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "Path, req_…, key_… or a trace"}),
    )
    key = forms.ChoiceField(required=False)
    status = forms.ChoiceField(required=False, choices=list(STATUSES.items()))
    outcome = forms.ChoiceField(
        required=False, choices=[("", "Any"), *((one.name, one.label) for one in OUTCOMES)]
    )
    refused_by = forms.ChoiceField(
        label="Reason", required=False, choices=[("", "Any"), *((code, code) for code in REFUSALS)]
    )
    method = forms.ChoiceField(
        required=False,
        choices=[("", "Any"), *((name, name) for name in ("GET", "POST", "PATCH", "PUT", "DELETE"))],
    )
    route = forms.ChoiceField(required=False)
    scope = forms.ChoiceField(
        required=False, choices=lambda: [("", "Any"), *((name, name) for name in SCOPES)]
    )
    ip = forms.CharField(label="Address", required=False, max_length=50)
    client_request_id = forms.CharField(label="Your request ID", required=False, max_length=100)
    period = forms.ChoiceField(required=False, choices=list(PERIODS.items()))
    since = _moment("From")
    until = _moment("To")

    def __init__(self, data: Any, *, keys: list[Any], routes: list[str]) -> None:
        super().__init__(data)
        # Requested values stay choices even without recent use, because pages link here for any period.
        self._offer("key", [(ids.encode("key", key), name) for key, name in keys])
        self._offer("route", [(route, route) for route in routes])
        self._offer("status", list(STATUSES.items())[1:])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        asked = self.data.get(name, "")
        if asked and _COULD_BE[name](asked) and asked not in {value for value, _ in choices}:
            choices = [*choices, (asked, asked)]
        self.fields[name].choices = [("", "Any"), *choices]  # type: ignore[attr-defined]

    def chosen(self) -> RequestFilter:
        """Return the filter the form describes."""
        return RequestFilter(
            key=self.text("key"),
            route=self.text("route"),
            status=self.text("status"),
            outcome=self.text("outcome"),
            scope=self.text("scope"),
            method=self.text("method"),
            refused_by=self.text("refused_by"),
            ip=self.text("ip"),
            client_request_id=self.text("client_request_id"),
            text=self.text("q"),
            since=self.begin,
            until=self.end,
        )
