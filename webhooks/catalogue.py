"""The public events: what an endpoint may subscribe to. A new public event is one line here."""

from __future__ import annotations

from collections.abc import Iterable

CATALOGUE: dict[str, str] = {
    "customer.created": "A customer was created.",
    "customer.updated": "A customer was changed.",
    "customer.deleted": "A customer was deleted.",
    "invoice.created": "An invoice was created as a draft.",
    "invoice.updated": "A draft invoice was changed.",
    "invoice.deleted": "A draft invoice was deleted.",
    "invoice.finalized": "An invoice got its number and can no longer be changed.",
    "invoice.paid": "An invoice was paid in full.",
    "invoice.voided": "An invoice was voided.",
    "invoice.marked_uncollectible": "An invoice was given up.",
    "charge.created": "A charge was accepted; the gateway has not answered yet.",
    "charge.succeeded": "A charge went through.",
    "charge.failed": "A charge failed; `failure_code` says why.",
    "refund.created": "A refund was accepted; the gateway has not answered yet.",
    "refund.succeeded": "A refund went through.",
    "refund.failed": "A refund failed.",
    "message.queued": "A message was accepted.",
    "message.sent": "A message was handed to its provider.",
    "message.delivered": "A message reached its recipient.",
    "message.bounced": "A message was refused by its recipient's server.",
    "message.complained": "A recipient marked a message as unwanted.",
    "message.failed": "A message could not be sent.",
    "message.suppressed": "A message was held back, since its recipient is on the suppression list.",
    "message.canceled": "A scheduled message was canceled.",
    "api_key.created": "An API key was created.",
    "api_key.updated": "An API key's name, scopes, limits or restrictions were changed.",
    "api_key.rotated": "An API key got a new secret.",
    "api_key.overlap_ended": "An API key's old secret was ended before its time.",
    "api_key.revoked": "An API key was revoked.",
    "api_key.restored": "The revocation of an API key was undone.",
    "api_key.expiring": "An API key expires within days, or today.",
    "api_key.expired": "An API key has expired.",
    "api_key.rotation_due": "An API key's secret is older than its rotation interval.",
    "api_key.exposed": "An API key was found in the open, or crossed a network in clear.",
}
ALL = "*"
TEST_EVENT = "webhook_endpoint.test"  # sent by the test button only; nobody subscribes to it


def groups() -> dict[str, list[str]]:
    """Return the event types by the resource they are about, in the catalogue's order."""
    found: dict[str, list[str]] = {}
    for name in CATALOGUE:
        found.setdefault(name.partition(".")[0], []).append(name)
    return found


def patterns() -> list[str]:
    """Return everything an endpoint may subscribe to: `*`, every `<resource>.*`, every event type."""
    return [ALL, *(f"{resource}.*" for resource in groups()), *CATALOGUE]


def is_pattern(text: str) -> bool:
    """Return whether `text` is an event type, `<resource>.*` of the catalogue, or `*`."""
    return text == ALL or text in CATALOGUE or (text.endswith(".*") and text.removesuffix(".*") in groups())


def matches(patterns: Iterable[str], event_type: str) -> bool:
    """Return whether one of an endpoint's patterns selects `event_type`."""
    wildcard = event_type.partition(".")[0] + ".*"
    return any(pattern in (ALL, event_type, wildcard) for pattern in patterns)


def matching_types(patterns: Iterable[str]) -> list[str]:
    """Return the event types that the patterns select, in the catalogue's order."""
    chosen = list(patterns)
    return [name for name in CATALOGUE if matches(chosen, name)]
