"""The public form of messages and suppressions, in API responses and events alike (docs/architecture.md, Contracts)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from core.clock import rfc3339
from core.values import ids
from messaging.models import (
    Message,
    Recipient,
    SenderDomain,
    SmsSender,
    Suppression,
    Template,
    TemplateVersion,
)

if TYPE_CHECKING:
    from messaging.services.composing import Composed
    from messaging.verification import Record


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
    """Return a message without its bodies, as in lists and events."""
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
        "bulk": {"topic": row.topic} if row.topic else None,
        "template": {"id": row.template, "version": row.template_version} if row.template else None,
        "attachments": row.attachments,
        "headers": row.headers,
        "tags": row.tags,
        "metadata": row.metadata,
        "recipients": [recipient(r) for r in ordered],
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


def message(row: Message, recipients: Iterable[Recipient]) -> dict[str, Any]:
    """Return a complete message."""
    return {**summary(row, recipients), "text": row.text or None, "html": row.html or None}


def sender_domain(row: SenderDomain, records: Iterable["Record"]) -> dict[str, Any]:
    """Return the public form of a sender domain, with the records to set (messaging.verification.records_of)."""
    return {
        "id": row.public_id,
        "object": "sender_domain",
        "mode": row.mode,
        "domain": row.domain,
        "status": row.status,
        "records": [sender_record(row, record) for record in records],
        "verified_at": rfc3339(row.verified_at) if row.verified_at else None,
        "checked_at": rfc3339(row.checked_at) if row.checked_at else None,
        "first_failed_at": rfc3339(row.failing_since) if row.failing_since else None,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


def sender_record(row: SenderDomain, record: "Record") -> dict[str, Any]:
    """Return a DNS record of a domain, and the result of its last check."""
    result = row.results.get(record.key, {})
    return {
        "purpose": record.purpose,
        "type": record.type,
        "name": record.name,
        "value": record.value,
        "required": record.required,
        "status": result.get("state", "unchecked"),
        "found": result.get("found", []),
    }


def suppression(row: Suppression) -> dict[str, Any]:
    """Return the public form of a suppressed address."""
    return {
        "id": row.public_id,
        "object": "suppression",
        "mode": row.mode,
        "channel": row.channel,
        "address": row.address,
        "origin": row.origin,
        "topic": row.topic or None,
        "message": ids.encode("msg", row.message_id) if row.message_id else None,
        "note": row.note or None,
        "created": rfc3339(row.created),
    }


def sms_sender(row: SmsSender) -> dict[str, Any]:
    """Return the public form of an SMS sender."""
    return {
        "id": row.public_id,
        "object": "sms_sender",
        "mode": row.mode,
        "sender": row.sender,
        "status": row.status,
        "reason": row.reason,
        "decision": row.decision or None,
        "decided_at": rfc3339(row.decided_at) if row.decided_at else None,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


def template_summary(row: Template) -> dict[str, Any]:
    """Return a template without its texts, as in lists."""
    return {
        "id": row.public_id,
        "object": "template",
        "mode": row.mode,
        "name": row.name,
        "description": row.description or None,
        "channel": row.channel,
        "version": row.version,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


def template(row: Template, version: TemplateVersion) -> dict[str, Any]:
    """Return a template with the texts of its newest version."""
    return {**template_summary(row), **_texts(version)}


def template_version(row: Template, version: TemplateVersion) -> dict[str, Any]:
    """Return one version of a template."""
    return {
        "id": version.public_id,
        "object": "template_version",
        "mode": row.mode,
        "template": row.public_id,
        "version": version.number,
        **_texts(version),
        "created": rfc3339(version.created),
    }


def template_preview(row: Template, version: TemplateVersion, composed: "Composed") -> dict[str, Any]:
    """Return the rendered texts of a template."""
    return {
        "object": "template_preview",
        "template": row.public_id,
        "version": version.number,
        "subject": composed.subject or None,
        "text": composed.text or None,
        "html": composed.html or None,
    }


def _texts(version: TemplateVersion) -> dict[str, Any]:
    return {
        "subject": version.subject or None,
        "text": version.text or None,
        "html": version.html or None,
        "variables": [
            {
                "name": one["name"],
                "required": one["required"],
                "default": one["default"],
                "example": one["example"],
            }
            for one in version.variables
        ],
    }
