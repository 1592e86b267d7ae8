"""Twilio's delivery reports (https://www.twilio.com/docs/usage/security#validating-requests)."""

from django.conf import settings
from django.http import HttpRequest
from twilio.request_validator import RequestValidator

from core.values import ids
from messaging.callbacks.base import Unreadable, Unverified, callback
from messaging.services.callbacks import Report, record_reports

_KINDS = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "bounced",
    "failed": "failed",
}
# The number does not exist or cannot receive messages: https://www.twilio.com/docs/api/errors
_DEAD_NUMBERS = frozenset({"30005", "30006"})


@callback
def twilio(request: HttpRequest) -> None:
    """Receive a delivery report."""
    if not settings.TWILIO_AUTH_TOKEN:
        raise Unverified("TWILIO_AUTH_TOKEN is not set")
    # Twilio signs the URL we gave it, whatever proxies changed on the way.
    address = settings.PUBLIC_URL + request.get_full_path()
    signature = request.headers.get("X-Twilio-Signature", "")
    if not RequestValidator(settings.TWILIO_AUTH_TOKEN).validate(address, request.POST.dict(), signature):
        raise Unverified("the signature does not match")
    kind = _KINDS.get(request.POST.get("MessageStatus", ""))
    if kind is None:
        return
    try:
        recipient_id = ids.decode("rcp", request.GET.get("recipient", ""))
    except ids.InvalidId as error:
        raise Unreadable("no recipient is named") from error
    sid, code = request.POST.get("MessageSid", ""), request.POST.get("ErrorCode", "")
    record_reports(
        source="twilio",
        providers=frozenset({"twilio"}),
        reports=[
            Report(
                kind=kind,
                code=f"twilio_{code}" if code else "",
                detail=request.POST.get("ErrorMessage", "")[:500],
                note_id=f"{sid}:{kind}",
                suppress=code in _DEAD_NUMBERS,
                recipient_id=recipient_id,
                provider_id=sid,
            )
        ],
    )
