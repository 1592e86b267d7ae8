"""Reads Stripe's signed events about payments and disputes. Verified by the SDK; imported only where a setting names Stripe.

An event is not trusted as an outcome: it may be late, duplicated or out of order. It only says for which payment an outcome is
available now. For disputes, which we do not initiate, the event is all there is, and its timestamp determines the latest.
"""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from stripe import SignatureVerificationError, WebhookSignature

from billing.gateways.interface import DisputeReport, PaymentReport
from billing.gateways.stripe_amounts import from_stripe
from billing.gateways.stripe_calls import METADATA_KEY
from core.api.errors import InvalidRequest
from core.api.json import parse_object
from core.http.callbacks import Unreadable, Unverified

TOLERANCE_SECONDS = 300
_MODES = ("live", "test")
_OF_PAYMENTS = ("payment_intent.", "refund.", "charge.refund.", "checkout.session.")
# An inquiry (`warning_…`) is a dispute for which no money was debited yet.
_DISPUTES = {
    "needs_response": "needs_response",
    "warning_needs_response": "needs_response",
    "appeal_needs_response": "needs_response",
    "under_review": "under_review",
    "warning_under_review": "under_review",
    "appeal_under_review": "under_review",
    "won": "won",
    "lost": "lost",
    "warning_closed": "closed",
    "prevented": "closed",
}


def read_event(signature: str, body: bytes) -> PaymentReport | DisputeReport | None:
    """Return the report in the event, None when it is not relevant to us. Raises Unverified, Unreadable."""
    mode = _verify(signature, body)
    try:
        event = parse_object(body)
        kind, subject = event["type"], event["data"]["object"]
        is_live, created = event["livemode"], event.get("created")
    except (InvalidRequest, KeyError, TypeError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    if not isinstance(kind, str) or not isinstance(subject, dict):
        raise Unreadable("an event has a type and an object")
    if is_live is not (mode == "live"):
        raise Unverified(f"an event of the other mode under the signing secret of {mode} mode")
    if kind.startswith(_OF_PAYMENTS):
        return PaymentReport(
            mode=mode,
            key=_text(_metadata(subject).get(METADATA_KEY), "a key"),
            reference=_text(subject.get("id"), "an id"),
            failed=kind.startswith(("refund.", "charge.refund."))
            and subject.get("status") in ("failed", "canceled"),
            taken=(kind == "payment_intent.succeeded" and subject.get("status") == "succeeded")
            or (kind.startswith("checkout.session.") and subject.get("payment_status") == "paid"),
        )
    if kind.startswith("charge.dispute."):
        return _dispute(mode, created, subject)
    return None


def _dispute(mode: str, created: Any, subject: dict[str, Any]) -> DisputeReport:
    reference = _text(subject.get("id"), "an id")
    if not reference:
        raise Unreadable("a dispute without an id")
    try:
        currency = str(subject["currency"]).upper()
        return DisputeReport(
            mode=mode,
            charge_reference=_text(subject.get("payment_intent"), "an id"),
            reference=reference,
            amount=from_stripe(_whole(subject["amount"]), currency),
            currency=currency,
            reason=_text(subject["reason"], "a reason")[:64],
            status=_DISPUTES[subject["status"]],
            response_due_at=_due_by(subject.get("evidence_details")),
            reported_at=datetime.fromtimestamp(_whole(created), UTC),
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        # Stripe retries for days and shows the failure in its dashboard, so nothing is lost until we can parse it.
        raise Unreadable(f"dispute {reference}: {type(error).__name__} {str(error)[:100]}") from error


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10**12:
        raise ValueError("not a whole number")
    return value


def _due_by(details: Any) -> datetime | None:
    """Return the deadline for evidence; None where the bank accepts none."""
    due_by = details.get("due_by") if isinstance(details, dict) else None
    return datetime.fromtimestamp(_whole(due_by), UTC) if due_by else None


def _verify(signature: str, body: bytes) -> str:
    """Return the mode whose secret signed the body within the last five minutes. Raises Unverified."""
    reason = "no signing secret is set"
    for mode in _MODES:
        secret = getattr(settings, f"STRIPE_{mode.upper()}_WEBHOOK_SECRET")
        if not secret:
            continue
        try:
            WebhookSignature.verify_header(body, signature, secret, TOLERANCE_SECONDS)
        except SignatureVerificationError as error:
            reason = str(error)[:200]
        except (ValueError, TypeError) as error:
            reason = type(error).__name__  # a body that is not UTF-8, or a header that is not ASCII
        else:
            return mode
    raise Unverified(reason)


def _metadata(subject: dict[str, Any]) -> dict[str, Any]:
    metadata = subject.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _text(value: Any, what: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or "\x00" in value or len(value) > 255:
        raise Unreadable(f"not {what}")
    return value
