"""What Stripe's signed events say of our payments. Verified by the SDK; imported only where a setting names Stripe.

An event is no answer: it comes late, twice and out of order. It only says of which payment the answer can be had now.
"""

from typing import Any

from django.conf import settings
from stripe import SignatureVerificationError, WebhookSignature

from billing.gateways.interface import PaymentReport
from billing.gateways.stripe import METADATA_KEY
from core.api.errors import InvalidRequest
from core.api.json import parse_object
from core.http.callbacks import Unreadable, Unverified

TOLERANCE_SECONDS = 300
_MODES = ("live", "test")
_OF_PAYMENTS = ("payment_intent.", "refund.", "charge.refund.")


def read_event(signature: str, body: bytes) -> PaymentReport | None:
    """Return what the event reports, None when that is nothing of ours. Raises Unverified, Unreadable."""
    mode = _verify(signature, body)
    try:
        event = parse_object(body)
        kind, subject = event["type"], event["data"]["object"]
        is_live = event["livemode"]
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
        )
    return None


def _verify(signature: str, body: bytes) -> str:
    """Return the mode whose secret has signed the body, within five minutes. Raises Unverified."""
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
            reason = type(error).__name__  # a body that is no UTF-8, a header that is no ASCII
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
