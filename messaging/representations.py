"""How messages and suppressions look to the outside: in API answers and in events alike (DESIGN §3)."""

from collections.abc import Iterable
from typing import Any

from core import ids
from core.clock import rfc3339
from messaging.models import Message, Recipient, Suppression


def recipient(row: Recipient) -> dict[str, Any]:
    """Return the public form of one recipient."""
    error = {"code": row.error_code, "message": row.error_message} if row.error_code else None
    return {
        "to": row.address,
        "kind": row.kind,
        "status": row.status,
        "error": error,
        "updated": rfc3339(row.updated),
    }


def summary(row: Message, recipients: Iterable[Recipient]) -> dict[str, Any]:
    """Return a message without its bodies: what lists and events carry."""
    ordered = sorted(recipients, key=lambda r: r.position)
    return {
        "id": row.public_id,
        "object": "message",
        "mode": row.mode,
        "channel": row.channel,
        "status": row.status,
        "from": row.sender,
        "to": [r.address for r in ordered if r.kind == "to"],
        "cc": [r.address for r in ordered if r.kind == "cc"],
        "bcc": [r.address for r in ordered if r.kind == "bcc"],
        "reply_to": row.reply_to,
        "subject": row.subject or None,
        "send_at": rfc3339(row.send_at),
        "customer": ids.encode("cus", row.customer_id) if row.customer_id else None,
        "tags": row.tags,
        "metadata": row.metadata,
        "recipients": [recipient(r) for r in ordered],
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


def message(row: Message, recipients: Iterable[Recipient]) -> dict[str, Any]:
    """Return a whole message."""
    return {**summary(row, recipients), "text": row.text or None, "html": row.html or None}


def suppression(row: Suppression) -> dict[str, Any]:
    """Return the public form of a suppressed address."""
    return {
        "id": row.public_id,
        "object": "suppression",
        "mode": row.mode,
        "channel": row.channel,
        "address": row.address,
        "origin": row.origin,
        "message": ids.encode("msg", row.message_id) if row.message_id else None,
        "note": row.note or None,
        "created": rfc3339(row.created),
    }
