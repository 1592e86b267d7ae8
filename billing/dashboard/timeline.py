"""Timelines: the events of an object in readable form."""

from collections.abc import Iterable
from typing import Any

from billing.selectors import list_timeline_events
from core.models import OutboxEvent
from core.values.currencies import money_text

_WORDS = {
    "customer.created": ("Customer created", ""),
    "customer.updated": ("Customer changed", ""),
    "invoice.created": ("Draft created", ""),
    "invoice.updated": ("Draft edited", ""),
    "invoice.finalized": ("Finalized", "accent"),
    "invoice.paid": ("Paid in full", "ok"),
    "invoice.voided": ("Voided", "warn"),
    "invoice.marked_uncollectible": ("Marked uncollectible", "danger"),
    "invoice.reopened": ("Open again", "warn"),
    "invoice.overdue": ("Overdue", "warn"),
    "invoice.sent": ("Sent by email", ""),
    "invoice.link_created": ("Link created", ""),
    "invoice.links_revoked": ("Links revoked", "warn"),
    "payment.recorded": ("Payment recorded", "ok"),
    "payment.updated": ("Payment edited", ""),
    "payment.undone": ("Payment undone", "danger"),
    "credit_note.created": ("Credit note issued", "accent"),
    "credit_note.updated": ("Credit note edited", ""),
    "credit_note.voided": ("Credit note voided", "warn"),
    "charge.updated": ("Charge edited", ""),
    "refund.updated": ("Refund edited", ""),
    "charge.created": ("Charge started", ""),
    "charge.succeeded": ("Charge succeeded", "ok"),
    "charge.failed": ("Charge failed", "danger"),
    "charge.disputed": ("Charge disputed", "danger"),
    "charge.dispute_updated": ("Dispute changed", "warn"),
    "charge.dispute_closed": ("Dispute ended", ""),
    "refund.created": ("Refund started", ""),
    "refund.succeeded": ("Refund succeeded", "ok"),
    "refund.failed": ("Refund failed", "danger"),
}


def timeline_of(object_ids: Iterable[str], *, currency: str = "") -> list[dict[str, Any]]:
    """Return the entries of `components/timeline.html` for these objects, newest first.

    A refund has no currency of its own: it is shown in `currency`.
    """
    return [_entry(happening, currency) for happening in list_timeline_events(object_ids)]


def _entry(happening: OutboxEvent, currency: str) -> dict[str, Any]:
    shown = happening.data["object"]
    title, tone = _WORDS.get(happening.type, (happening.type, ""))
    notes = []
    if shown.get("object") == "credit_note":
        notes.append(f"{shown['number']}, {money_text(shown['total'], shown['currency'])}")
    elif shown.get("object") in ("charge", "refund", "payment"):
        notes.append(money_text(shown["amount"], shown.get("currency") or currency))
    elif happening.type == "invoice.finalized":
        notes.append(f"{shown['number']}, {money_text(shown['total'], shown['currency'])}")
    notes += [shown[name] for name in ("failure_message", "undo_reason", "void_reason") if shown.get(name)]
    return {"title": title, "moment": happening.created, "tone": tone, "note": " · ".join(notes), "url": ""}
