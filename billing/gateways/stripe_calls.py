"""How Stripe is called: in which version, with which key, for how long, and what its refusals mean to us."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import stripe
from django.conf import settings

from billing.gateways.interface import GatewayMisconfigured, GatewayUnavailable, Outcome
from core import outbound

# What the tests of the gateway are written for; the SDK's types are of the same version.
API_VERSION: Final = "2026-10-28.endive"
# Under our key, in the metadata of all that we make.
METADATA_KEY: Final = "pomelo_key"
MAX_ANSWER_BYTES = 262_144

_CODE = re.compile(r"[a-z0-9_]{1,64}")
# Refusals of the order itself, by parameter or code; any other is of us, and nobody's card is to blame for it.
_ORDERS_PARAMETERS = ("amount", "currency", "payment_method")
_ORDERS_CODES = ("amount_", "charge_", "payment_intent_", "refund_")

stripe.enable_telemetry = False


class OrderRefused(GatewayUnavailable):
    """Stripe refuses the order itself. Definitive where the order was put, and no answer where it was only asked about."""

    def __init__(self, error: stripe.StripeError) -> None:
        super().__init__(str(error))
        self.error = error

    def outcome(self, reference: str = "") -> Outcome:
        """Return the refusal as the outcome of the order."""
        said = _error_details(self.error)
        return failed(
            reference,
            decline_code(said.get("decline_code"), said.get("code"), otherwise="invalid_request"),
            said.get("message"),
        )


class _Transport(stripe.HTTPClient):
    """Makes the SDK's calls by the platform's own client: one deadline for all calls of an order, bounded answers."""

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
        """Nothing to close: connections belong to the platform's client."""


def secret_key(mode: str) -> str:
    """Return Stripe's secret key for `mode`, or ""."""
    return settings.STRIPE_LIVE_SECRET_KEY if mode == "live" else settings.STRIPE_TEST_SECRET_KEY


def connect(mode: str) -> stripe.StripeClient:
    """Return a client for the calls of one order. Raises GatewayMisconfigured."""
    key = secret_key(mode)
    # A key of the other mode would take real money for a test, or none for a sale. Checked at the start as well.
    if not key.startswith((f"sk_{mode}_", f"rk_{mode}_")):
        raise GatewayMisconfigured(f"stripe: there is no secret key for {mode} mode")
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        max_network_retries=0,  # the completer's clock decides when a call is repeated
        http_client=_Transport(settings.GATEWAY_TIMEOUT_SECONDS),
        base_addresses={"api": settings.STRIPE_API_URL} if settings.STRIPE_API_URL else {},
    )


@contextmanager
def asking() -> Iterator[None]:
    """Turn what the SDK raises into our own errors. Says of a key that it is wrong, never which."""
    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError) as error:
        raise GatewayMisconfigured(f"stripe: {type(error).__name__} {error.http_status}") from error
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        said = _error_details(error)
        code = code_of(said.get("code"), "invalid_request")
        if (
            isinstance(error, stripe.CardError)
            or code.startswith(_ORDERS_CODES)
            or str(said.get("param", "")).startswith(_ORDERS_PARAMETERS)
        ):
            raise OrderRefused(error) from error
        raise GatewayMisconfigured(f"stripe: {code} of {plain(said.get('param'), 50)!r}") from error
    except stripe.StripeError as error:
        raise GatewayUnavailable(f"stripe: {type(error).__name__} {error.http_status or error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # Whatever answered was not Stripe, or is broken: the SDK takes the shape of an answer for granted.
        raise GatewayUnavailable(f"stripe: an answer that cannot be read ({type(error).__name__})") from error


def key_of(answer: Any) -> Any:
    """Return our key in the metadata of what Stripe answered."""
    return getattr(answer.metadata, METADATA_KEY, None)


def _error_details(error: stripe.StripeError) -> Mapping[str, Any]:
    """Return what Stripe said of the error; the SDK has made sure that it is an object."""
    body: Any = error.json_body
    said: Mapping[str, Any] = body["error"]
    return said


def failed(reference: str, code: str, message: Any) -> Outcome:
    """Return a refusal in words as we keep them."""
    return Outcome(
        succeeded=False, reference=reference, failure_code=code, failure_message=plain(message, 300)
    )


def code_of(value: Any, otherwise: str) -> str:
    """Return a code of Stripe's, or `otherwise` for what is none."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else otherwise


def decline_code(decline: Any, code: Any, *, otherwise: str) -> str:
    """Return why a card was declined, as a charge's failure_code."""
    found = code_of(decline, code_of(code, otherwise))
    return "card_declined" if found == "generic_decline" else found


def plain(value: Any, most: int) -> str:
    """Return a text of Stripe's as we keep it: on one line, without control characters, bounded."""
    if not isinstance(value, str):
        return ""
    return "".join(character if character.isprintable() else " " for character in value[:most]).strip()
