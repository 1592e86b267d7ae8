"""Calls to Stripe: API version, keys, timeouts, and the mapping of its errors to ours."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import stripe
from django.conf import settings

from billing.gateways.interface import GatewayMisconfigured, GatewayUnavailable, Outcome
from core import outbound

# The version the gateway's tests are written for, and of the SDK's types.
API_VERSION: Final = "2026-10-28.endive"
# The metadata key that holds our idempotency key on every object we create.
METADATA_KEY: Final = "pomelo_key"
MAX_ANSWER_BYTES = 262_144

_CODE = re.compile(r"[a-z0-9_]{1,64}")
# Errors caused by the order itself, by parameter or code. Any other is a problem of our account, not of the card.
_ORDERS_PARAMETERS = ("amount", "currency", "payment_method")
_ORDERS_CODES = ("amount_", "charge_", "payment_intent_", "refund_")

stripe.enable_telemetry = False


class OrderRefused(GatewayUnavailable):
    """Stripe refused the order itself. Definitive if the order was submitted, but not if it was only queried."""

    def __init__(self, error: stripe.StripeError) -> None:
        super().__init__(str(error))
        self.error = error

    def outcome(self, reference: str = "") -> Outcome:
        """Return the refusal as an Outcome."""
        details = _error_details(self.error)
        return failed(
            reference,
            decline_code(details.get("decline_code"), details.get("code"), otherwise="invalid_request"),
            details.get("message"),
        )


class _Transport(stripe.HTTPClient):
    """Routes the SDK's calls through the platform's HTTP client, with one deadline per order and bounded responses."""

    name = "pomelo"

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._ends = time.monotonic() + seconds

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Make one call. Raises stripe.APIConnectionError."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise stripe.APIConnectionError("out of time")
        request = outbound.OutboundRequest(
            url=url,
            method=method.upper(),
            headers={**(headers or {}), "Accept": "application/json"},
            body=(post_data or "").encode(),
            connect_timeout=min(3.0, left),
            total_timeout=left,
            max_response_bytes=MAX_ANSWER_BYTES,
        )
        try:
            response = outbound.send(request, outbound.TRUSTED)
        except outbound.OutboundError as error:
            raise stripe.APIConnectionError(error.kind) from error
        if response.truncated:
            raise stripe.APIConnectionError("an answer that is too long")
        return response.body.decode("utf-8", "replace"), response.status, response.headers

    def close(self) -> None:
        """Do nothing: connections belong to the platform's client."""


def secret_key(mode: str) -> str:
    """Return Stripe's secret key for `mode`, or ""."""
    return settings.STRIPE_LIVE_SECRET_KEY if mode == "live" else settings.STRIPE_TEST_SECRET_KEY


def connect(mode: str) -> stripe.StripeClient:
    """Return a client for the calls of one order. Raises GatewayMisconfigured."""
    key = secret_key(mode)
    # A key of the other mode would charge real money in test mode, or none in live mode. Also checked at start-up.
    if not key.startswith((f"sk_{mode}_", f"rk_{mode}_")):
        raise GatewayMisconfigured(f"stripe: there is no secret key for {mode} mode")
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        max_network_retries=0,  # the completer schedules retries
        http_client=_Transport(settings.GATEWAY_TIMEOUT_SECONDS),
        base_addresses={"api": settings.STRIPE_API_URL} if settings.STRIPE_API_URL else {},
    )


@contextmanager
def calling_stripe() -> Iterator[None]:
    """Translate the SDK's exceptions into ours. Messages never contain a key."""
    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError) as error:
        raise GatewayMisconfigured(f"stripe: {type(error).__name__} {error.http_status}") from error
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        details = _error_details(error)
        code = code_of(details.get("code"), "invalid_request")
        if (
            isinstance(error, stripe.CardError)
            or code.startswith(_ORDERS_CODES)
            or str(details.get("param", "")).startswith(_ORDERS_PARAMETERS)
        ):
            raise OrderRefused(error) from error
        raise GatewayMisconfigured(f"stripe: {code} of {plain(details.get('param'), 50)!r}") from error
    except stripe.StripeError as error:
        raise GatewayUnavailable(f"stripe: {type(error).__name__} {error.http_status or error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # The response is not from Stripe, or is malformed: the SDK does not validate its structure.
        raise GatewayUnavailable(f"stripe: an answer that cannot be read ({type(error).__name__})") from error


def key_of(answer: Any) -> Any:
    """Return our key from the metadata of a Stripe object."""
    return getattr(answer.metadata, METADATA_KEY, None)


def _error_details(error: stripe.StripeError) -> Mapping[str, Any]:
    """Return the body of a Stripe error; the SDK ensures that it is an object."""
    body: Any = error.json_body
    details: Mapping[str, Any] = body["error"]
    return details


def failed(reference: str, code: str, message: Any) -> Outcome:
    """Return a failed Outcome with a cleaned code and message."""
    return Outcome(
        succeeded=False, reference=reference, failure_code=code, failure_message=plain(message, 300)
    )


def code_of(value: Any, otherwise: str) -> str:
    """Return a Stripe code, or `otherwise` for an invalid one."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else otherwise


def decline_code(decline: Any, code: Any, *, otherwise: str) -> str:
    """Return the reason for a declined card, as a charge's failure_code."""
    found = code_of(decline, code_of(code, otherwise))
    return "card_declined" if found == "generic_decline" else found


def plain(value: Any, most: int) -> str:
    """Return a text from Stripe on one line, without control characters, at most `most` characters long."""
    if not isinstance(value, str):
        return ""
    return "".join(character if character.isprintable() else " " for character in value[:most]).strip()
