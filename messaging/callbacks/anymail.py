"""Reports of the configured django-anymail service, verified and parsed by anymail."""

import importlib
import json
import warnings
from typing import Any

from anymail.exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from anymail.signals import tracking
from django.conf import settings
from django.http import HttpRequest

from core.values import ids
from messaging.callbacks.base import Unreadable, Unverified, callback, read_each
from messaging.providers.anymail import METADATA_NAME
from messaging.services.callbacks import Report, record_reports

_KINDS = {
    "sent": "sent",
    "delivered": "delivered",
    "bounced": "bounced",
    "rejected": "failed",
    "failed": "failed",
    "deferred": "deferred",
    "complained": "complained",
}
_DEAD_ADDRESS = frozenset({"bounced", "invalid"})


@callback
def anymail(request: HttpRequest) -> None:
    """Receive the reports in one callback of the service."""
    reader = _reader()
    if reader.warn_if_no_basic_auth and not reader.basic_auth:
        # Services that do not sign are verified by a secret in the callback URL.
        raise Unverified("ANYMAIL needs WEBHOOK_SECRET for this service")
    try:
        reader.run_validators(request)
    except AnymailWebhookValidationFailure as error:
        raise Unverified(str(error)) from error
    try:
        events = reader.parse_events(request)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,  # anymail parses the JSON itself, at any depth that Python allows
        AnymailConfigurationError,
    ) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    reports = read_each("anymail", events, _report)
    record_reports(source="anymail", providers=frozenset({"anymail"}), reports=reports)


def _reader() -> Any:
    """Return anymail's view for the service of `MESSAGING_ANYMAIL_BACKEND`. Raises Unverified if none is configured."""
    parts = settings.MESSAGING_ANYMAIL_BACKEND.split(".")
    if len(parts) < 3 or parts[:2] != ["anymail", "backends"]:
        raise Unverified("MESSAGING_ANYMAIL_BACKEND names no service")
    module = importlib.import_module(f"anymail.webhooks.{parts[2]}")
    for name, view in vars(module).items():
        if name.endswith(("TrackingWebhookView", "CombinedWebhookView")) and (
            view.__module__ == module.__name__ and view.signal in (tracking, None)
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a missing secret is refused above
                return view()
    raise Unverified("this service has no callbacks")


def _report(event: Any) -> Report | None:
    if event.event_type not in _KINDS:
        return None
    kind = _KINDS[event.event_type]
    try:
        message_id = ids.decode("msg", str((event.metadata or {}).get(METADATA_NAME, "")))
    except ids.InvalidId:
        message_id = None
    return Report(
        kind=kind,
        code="" if kind in ("sent", "delivered") else f"anymail_{event.reject_reason or event.event_type}",
        detail=str(event.mta_response or event.description or "")[:500],
        note_id=f"{event.event_id}:{kind}"[:200] if event.event_id else _fingerprint(event, kind),
        suppress=event.reject_reason in _DEAD_ADDRESS,
        message_id=message_id,
        address=event.recipient or "",
        provider_id=str(event.message_id or ""),
    )


def _fingerprint(event: Any, kind: str) -> str | None:
    """Return an ID for events of services without event IDs, which resend identical content."""
    if event.timestamp is None:
        return None
    return json.dumps([kind, event.timestamp.isoformat(), event.recipient])[:200]
