"""SMS through Twilio's SDK. `TWILIO_API_URL` can be set to another server with the same API (used by tests).

Each call has a callback URL with the recipient's ID, covered by Twilio's signature, so that a delivery report that arrives before
we have recorded the send can still be assigned to its recipient.

Twilio's Messages resource has no idempotency token (neither in the API nor in SDK 9), so an SMS is sent again if the response is
lost, unless the delivery report of the first one arrives before the next attempt.
"""

import re
import threading
from collections.abc import Iterator
from decimal import ROUND_UP, Decimal
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import requests
from django.conf import settings
from django.core.checks import CheckMessage, Error
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from core.values import ids
from core.values.urls import is_http_url
from messaging.providers.base import (
    CALL_SECONDS,
    Envelope,
    Price,
    Result,
    SendOutcome,
    is_temporary,
    same_for_all,
)

CALLBACK_PATH = "/callbacks/twilio"
# https://www.twilio.com/docs/api/errors: permanent errors of the number itself.
_BAD_NUMBER = frozenset({21211, 21214, 21217, 21614, 30005, 30006})
_OPTED_OUT = frozenset({21610})
_SID = re.compile(r"(SM|MM)[0-9a-f]{32}")
# Charges to the account are negative.
_PRICE = re.compile(r"-?[0-9]{1,4}(\.[0-9]{1,9})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_SMALLEST = Decimal("0.000001")


class _Answered(threading.local):
    """The status of a thread's last request, or 0."""

    status = 0


class _HttpClient(TwilioHttpClient):
    """The SDK's client, redirected to `TWILIO_API_URL` if that is set."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=CALL_SECONDS)
        self._base = urlsplit(base) if base else None
        self._answered = _Answered()

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        """Make the request, at the configured server."""
        if self._base is not None:
            asked = urlsplit(url)
            url = urlunsplit((self._base.scheme, self._base.netloc, asked.path, asked.query, ""))
        self._answered.status = 0
        response = super().request(method, url, **kwargs)
        self._answered.status = response.status_code
        return response

    def was_taken(self) -> bool:
        """Return whether this thread's last request succeeded."""
        return 200 <= self._answered.status < 300


class Twilio:
    """The provider `twilio`."""

    name: ClassVar[str] = "twilio"

    @staticmethod
    def carries(channel: str) -> bool:
        """SMS only."""
        return channel == "sms"

    @staticmethod
    def check_settings() -> Iterator[CheckMessage]:
        """Check the account and the server."""
        if not settings.TWILIO_ACCOUNT_SID.startswith("AC"):
            yield Error(
                "The provider `twilio` needs TWILIO_ACCOUNT_SID, which starts with AC.",
                hint="Copy the Account SID from the start page of Twilio's console.",
                id="pomelo.E024",
            )
        if not settings.TWILIO_AUTH_TOKEN:
            yield Error(
                "TWILIO_AUTH_TOKEN is not set: SMS cannot be sent and reports cannot be verified.",
                hint="Set it, or TWILIO_AUTH_TOKEN_FILE, to the Auth Token shown next to the Account SID.",
                id="pomelo.E024",
            )
        if settings.TWILIO_API_URL and not is_http_url(settings.TWILIO_API_URL):
            yield Error(
                "TWILIO_API_URL is not an http:// or https:// URL.",
                hint="Leave it unset for Twilio's own servers.",
                id="pomelo.E024",
            )

    def __init__(self) -> None:
        self._http = _HttpClient(settings.TWILIO_API_URL)
        self._client = Client(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=self._http)

    def send(self, envelope: Envelope) -> list[Result]:
        """Send an SMS. Twilio's error codes determine whether a failure is retried."""
        [target] = envelope.targets
        recipient = ids.encode("rcp", target.recipient_id)
        try:
            sent = self._client.messages.create(
                to=target.address,
                from_=envelope.sender,
                body=envelope.text,
                status_callback=f"{settings.PUBLIC_URL}{CALLBACK_PATH}?recipient={recipient}",
            )
        except (TwilioRestException, TwilioServiceException) as error:
            outcome = _outcome(error.status, error.code or 0)
            return [
                Result(
                    target.recipient_id,
                    outcome,
                    code=f"twilio_{error.code or error.status}",
                    detail=str(getattr(error, "msg", None) or error)[:500],
                    suppress=outcome == "bounced",
                )
            ]
        except Exception as error:
            if self._http.was_taken():
                # The SMS has been accepted. An unreadable rest of the response is no reason to send it twice.
                return same_for_all(envelope, "sent")
            if not isinstance(error, (TwilioException, requests.RequestException)):
                raise
            return same_for_all(
                envelope, "deferred", code="twilio_connection", detail=f"{type(error).__name__}"
            )
        return same_for_all(envelope, "sent", provider_id=sent.sid or "")

    def read_price(self, provider_id: str) -> Price:
        """Fetch the Message resource of a sent SMS."""
        if not _SID.fullmatch(provider_id):
            return Price(problem="unreadable")
        try:
            found = self._client.messages(provider_id).fetch()
        except (TwilioRestException, TwilioServiceException) as error:
            return Price(problem=f"twilio_{error.code or error.status}"[:50])
        except (TwilioException, requests.RequestException):
            return Price(problem="twilio_connection")
        except (
            ValueError,
            TypeError,
            AttributeError,
        ):  # raised by the SDK, which treats any response as a Message
            return Price(problem="unreadable")
        return _price_of(found.price, found.price_unit)


def _price_of(amount: object, currency: object) -> Price:
    """Parse the `price` and `price_unit` of a Message, which are null until Twilio has charged it."""
    if amount is None:
        return Price(problem="not_reported")
    if not (isinstance(amount, str) and _PRICE.fullmatch(amount)):
        return Price(problem="unreadable")
    if not (isinstance(currency, str) and _CURRENCY.fullmatch(currency.upper())):
        return Price(problem="unreadable")
    return Price(abs(Decimal(amount)).quantize(_SMALLEST, rounding=ROUND_UP), currency.upper())


def _outcome(status: int, code: int) -> SendOutcome:
    if code in _OPTED_OUT:
        return "suppressed"
    if code in _BAD_NUMBER:
        return "bounced"
    return "deferred" if is_temporary(status) else "failed"


PROVIDER = Twilio
