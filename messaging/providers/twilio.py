"""SMS by Twilio's own SDK. `TWILIO_API_URL` may name another server that speaks the same API (the tests do).

The call carries a callback address with the recipient's id, under Twilio's signature, so that a delivery report that
is faster than our own record of the send finds its recipient all the same.

Twilio's Messages resource takes no idempotency token (neither the API nor SDK 9 has one), so an SMS whose answer got lost
is sent again. The report of the first one, when it comes before the next try, prevents that: the recipient waits no more.
"""

from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import requests
from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from core import ids
from messaging.providers.base import CALL_SECONDS, Envelope, Outcome, Result, is_temporary, same_for_all

CALLBACK_PATH = "/callbacks/twilio"
# https://www.twilio.com/docs/api/errors: the number itself is at fault, for good.
_BAD_NUMBER = frozenset({21211, 21214, 21217, 21614, 30005, 30006})
_OPTED_OUT = frozenset({21610})


class _HttpClient(TwilioHttpClient):
    """The SDK's client, sent to `TWILIO_API_URL` when that is set."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=CALL_SECONDS)
        self._base = urlsplit(base) if base else None

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        """Make the request, at the configured server."""
        if self._base is not None:
            asked = urlsplit(url)
            url = urlunsplit((self._base.scheme, self._base.netloc, asked.path, asked.query, ""))
        return super().request(method, url, **kwargs)


class Twilio:
    """The provider `twilio`."""

    name: ClassVar[str] = "twilio"

    @staticmethod
    def carries(channel: str) -> bool:
        """SMS only."""
        return channel == "sms"

    def __init__(self) -> None:
        self._client = Client(
            settings.TWILIO_ACCOUNT_SID,
            settings.TWILIO_AUTH_TOKEN,
            http_client=_HttpClient(settings.TWILIO_API_URL),
        )

    def send(self, envelope: Envelope) -> list[Result]:
        """Send one SMS; the vendor's error codes decide whether it is worth another try."""
        [target] = envelope.targets
        recipient = ids.encode("rcp", target.recipient_id)
        try:
            sent = self._client.messages.create(
                to=target.address,
                from_=envelope.sender,
                body=envelope.text,
                status_callback=f"{settings.PUBLIC_URL}{CALLBACK_PATH}?recipient={recipient}",
            )
        except TwilioRestException as error:
            outcome = _outcome(error.status, error.code or 0)
            return [
                Result(
                    target.recipient_id,
                    outcome,
                    code=f"twilio_{error.code or error.status}",
                    detail=str(error.msg)[:500],
                    suppress=outcome == "bounced",
                )
            ]
        except (TwilioException, requests.RequestException) as error:
            return same_for_all(
                envelope, "deferred", code="twilio_connection", detail=f"{type(error).__name__}"
            )
        return same_for_all(envelope, "sent", provider_id=sent.sid or "")


def _outcome(status: int, code: int) -> Outcome:
    if code in _OPTED_OUT:
        return "suppressed"
    if code in _BAD_NUMBER:
        return "bounced"
    return "deferred" if is_temporary(status) else "failed"


PROVIDER = Twilio
