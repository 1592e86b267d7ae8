"""Stripe, on its own SDK (the extra `stripe`). Imported only where a setting names this gateway (docs/billing.md, Stripe).

A charge is a PaymentIntent that is made first and confirmed in a second call, because making one moves no money: whatever gets
lost in between, the same key finds the same intent, and what became of it is read from Stripe, never guessed. Stripe forgets
a key after a day; an order that is older is looked for by the key in the intent's metadata before it is put again.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import stripe
from django.conf import settings

from billing.gateways.interface import (
    ChargeOrder,
    GatewayMisconfigured,
    GatewayUnavailable,
    Outcome,
    RefundOrder,
)
from billing.gateways.stripe_amounts import amount_problem, to_stripe
from core import clock, outbound

# What the tests of this file are written for; the SDK's types are of the same version.
API_VERSION: Final = "2026-10-28.endive"
# Under our key, in the metadata of all that we make.
METADATA_KEY: Final = "pomelo_key"
MAX_ANSWER_BYTES = 262_144
# Stripe keeps keys for a day at least; what is near that is looked for.
KEY_KEPT_FOR = timedelta(hours=20)

_PAYMENT_METHOD = re.compile(r"pm_[A-Za-z0-9_]{1,60}")
_REFERENCE = re.compile(r"(pi|re|pyr)_[A-Za-z0-9_]{1,200}")
_CODE = re.compile(r"[a-z0-9_]{1,64}")
# Refusals of the order itself, by parameter or code; any other is of us, and nobody's card is to blame for it.
_ORDERS_PARAMETERS = ("amount", "currency", "payment_method")
_ORDERS_CODES = ("charge_", "payment_intent_", "refund_")

stripe.enable_telemetry = False


class StripeGateway:
    """Takes money by card through PaymentIntents, in each mode with that mode's own key."""

    name = "stripe"
    # Each payer has their own (`pm_…`, made by Stripe's libraries in the payer's browser): there is no list to choose from.
    payment_methods = ()

    def takes(self, mode: str) -> bool:
        """Tell whether there is a key for `mode`."""
        return bool(secret_key(mode))

    def payment_method_problem(self, payment_method: str) -> str:
        """Return why this cannot be charged, or ""."""
        if _PAYMENT_METHOD.fullmatch(payment_method):
            return ""
        return "Use the id of a PaymentMethod of Stripe, such as pm_1ABC…"

    def amount_problem(self, amount: int, currency: str) -> str:
        """Return why so much cannot be charged or refunded, or ""."""
        return amount_problem(amount, currency)

    def charge(self, order: ChargeOrder) -> Outcome:
        """Take the money, once per key. Raises GatewayUnavailable, GatewayMisconfigured."""
        api = _connect(order.mode)
        try:
            intent = _intent(api, order)
        except _OrderRefused as refused:
            return refused.outcome()
        if intent.status == "requires_confirmation":
            return _confirm(api, order, intent.id)
        return _answer(intent)

    def refund(self, order: RefundOrder) -> Outcome:
        """Give the money back, once per key. Raises GatewayUnavailable, GatewayMisconfigured."""
        api = _connect(order.mode)
        try:
            refund = _refund(api, order)
        except _OrderRefused as refused:
            return refused.outcome()
        if refund.status == "succeeded":
            return Outcome(succeeded=True, reference=refund.id)
        if refund.status in ("failed", "canceled"):
            reason = _code(getattr(refund, "failure_reason", None), f"refund_{refund.status}")
            return _failed(refund.id, reason, "Stripe could not give the money back.")
        raise GatewayUnavailable(f"stripe: the refund is {_plain(refund.status, 50)!r}")

    def abandon(self, order: ChargeOrder | RefundOrder) -> Outcome:
        """Return what became of the order; a charge that did not come about is canceled, so that it never will.

        A refund cannot be called back, and it is wanted: it is put again, and stays pending until Stripe knows.
        Raises GatewayUnavailable, GatewayMisconfigured.
        """
        if isinstance(order, RefundOrder):
            return self.refund(order)
        api = _connect(order.mode)
        try:
            intent = _intent(api, order)
        except _OrderRefused as refused:
            return refused.outcome()
        return _answer_or_cancel(
            api,
            order,
            intent,
            Outcome(
                succeeded=False,
                reference=intent.id,
                failure_code="gateway_timeout",
                failure_message="Stripe never answered; no money was moved.",
            ),
        )


class _OrderRefused(GatewayUnavailable):
    """Stripe refuses the order itself. Definitive where the order was put, and no answer where it was only asked about."""

    def __init__(self, error: stripe.StripeError) -> None:
        super().__init__(str(error))
        self.error = error

    def outcome(self, reference: str = "") -> Outcome:
        """Return the refusal as the outcome of the order."""
        said = _said(self.error)
        code = _code(said.get("decline_code"), _code(said.get("code"), "invalid_request"))
        code = "card_declined" if code == "generic_decline" else code
        return _failed(reference, code, said.get("message"))


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


def _connect(mode: str) -> stripe.StripeClient:
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
def _asking() -> Iterator[None]:
    """Turn what the SDK raises into our own errors. Says of a key that it is wrong, never which."""
    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError) as error:
        raise GatewayMisconfigured(f"stripe: {type(error).__name__} {error.http_status}") from error
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        said = _said(error)
        code = _code(said.get("code"), "invalid_request")
        if (
            isinstance(error, stripe.CardError)
            or code.startswith(_ORDERS_CODES)
            or str(said.get("param", "")).startswith(_ORDERS_PARAMETERS)
        ):
            raise _OrderRefused(error) from error
        raise GatewayMisconfigured(f"stripe: {code} of {_plain(said.get('param'), 50)!r}") from error
    except stripe.StripeError as error:
        raise GatewayUnavailable(f"stripe: {type(error).__name__} {error.http_status or error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # Whatever answered was not Stripe, or is broken: the SDK takes the shape of an answer for granted.
        raise GatewayUnavailable(f"stripe: an answer that cannot be read ({type(error).__name__})") from error


def _intent(api: stripe.StripeClient, order: ChargeOrder) -> stripe.PaymentIntent:
    """Return the order's one PaymentIntent as it is now; makes it when there is none. Raises _OrderRefused."""
    with _asking():
        if _may_be_forgotten(order):
            query = f"metadata['{METADATA_KEY}']:'{order.key}'"
            found = api.v1.payment_intents.search({"query": query, "limit": 1}).data
            if found:
                return _checked(api.v1.payment_intents.retrieve(found[0].id), order)
        intent = api.v1.payment_intents.create(
            {
                "amount": to_stripe(order.amount, order.currency),
                "currency": order.currency.lower(),
                "payment_method": order.payment_method,
                "allowed_payment_method_types": ["card"],
                "metadata": {METADATA_KEY: order.key},
            },
            {"idempotency_key": order.key},
        )
        _checked(intent, order)
        if _is_replay(intent):
            # That is what the intent was when it was made.
            intent = _checked(api.v1.payment_intents.retrieve(intent.id), order)
        return intent


def _confirm(api: stripe.StripeClient, order: ChargeOrder, intent_id: str) -> Outcome:
    """Take the money of an intent. One that needs the payer's own action is declined: nobody is there to act."""
    try:
        with _asking():
            confirmed = api.v1.payment_intents.confirm(
                intent_id,
                {"error_on_requires_action": True},
                {"idempotency_key": f"{order.key}-confirm"},
            )
            return _answer(_checked(confirmed, order))
    except _OrderRefused as refused:
        if isinstance(refused.error, stripe.CardError):
            return refused.outcome(intent_id)
        # The payment method cannot be used, or somebody confirmed the intent before.
        with _asking():
            intent = _checked(api.v1.payment_intents.retrieve(intent_id), order)
        return _answer_or_cancel(api, order, intent, refused.outcome(intent_id))


def _answer(intent: stripe.PaymentIntent) -> Outcome:
    """Return what became of an intent. Raises GatewayUnavailable as long as that is open."""
    if intent.status == "succeeded":
        return Outcome(succeeded=True, reference=intent.id)
    if intent.status == "canceled":
        return _failed(intent.id, "canceled", "The payment was canceled at Stripe.")
    error = getattr(intent, "last_payment_error", None)
    if intent.status == "requires_payment_method" and error:
        code = _code(getattr(error, "decline_code", None), _code(getattr(error, "code", None), "declined"))
        code = "card_declined" if code == "generic_decline" else code
        return _failed(intent.id, code, getattr(error, "message", None))
    raise GatewayUnavailable(f"stripe: the payment is {_plain(intent.status, 50)!r}")


def _answer_or_cancel(
    api: stripe.StripeClient, order: ChargeOrder, intent: stripe.PaymentIntent, failure: Outcome
) -> Outcome:
    """Return what became of the intent; cancel it, and return `failure`, if nothing did yet."""
    try:
        return _answer(intent)
    except GatewayUnavailable:
        with _asking():
            try:
                canceled = api.v1.payment_intents.cancel(
                    intent.id, {}, {"idempotency_key": f"{order.key}-cancel"}
                )
            except stripe.InvalidRequestError:
                # It came about at this very moment, or cannot be canceled yet.
                return _answer(_checked(api.v1.payment_intents.retrieve(intent.id), order))
            if _checked(canceled, order).status == "canceled":
                return failure
        raise


def _refund(api: stripe.StripeClient, order: RefundOrder) -> stripe.Refund:
    """Return the order's one refund as it is now; makes it when there is none. Raises _OrderRefused."""
    with _asking():
        if _may_be_forgotten(order):
            known = api.v1.refunds.list({"payment_intent": order.charge_reference, "limit": 100}).data
            for refund in known:
                if _key_of(refund) == order.key:
                    return _checked(refund, order)
        refund = api.v1.refunds.create(
            {
                "payment_intent": order.charge_reference,
                "amount": to_stripe(order.amount, order.currency),
                "metadata": {METADATA_KEY: order.key},
            },
            {"idempotency_key": order.key},
        )
        _checked(refund, order)
        return _checked(api.v1.refunds.retrieve(refund.id), order) if _is_replay(refund) else refund


def _checked(answer: Any, order: ChargeOrder | RefundOrder) -> Any:
    """Return an answer that is about this order, with a name we can keep. Raises ValueError for another one."""
    if not _REFERENCE.fullmatch(answer.id):
        raise ValueError("no id")
    if answer.amount != to_stripe(order.amount, order.currency) or answer.currency.upper() != order.currency:
        raise ValueError("another amount")
    if _key_of(answer) != order.key:
        raise ValueError("another order")
    return answer


def _key_of(answer: Any) -> Any:
    return getattr(answer.metadata, METADATA_KEY, None)


def _is_replay(answer: Any) -> bool:
    return answer.last_response.headers.get("idempotent-replayed") == "true"


def _may_be_forgotten(order: ChargeOrder | RefundOrder) -> bool:
    return clock.now() - order.ordered_at > KEY_KEPT_FOR


def _said(error: stripe.StripeError) -> Mapping[str, Any]:
    """Return what Stripe said of the error; the SDK has made sure that it is an object."""
    body: Any = error.json_body
    said: Mapping[str, Any] = body["error"]
    return said


def _failed(reference: str, code: str, message: Any) -> Outcome:
    return Outcome(
        succeeded=False, reference=reference, failure_code=code, failure_message=_plain(message, 300)
    )


def _code(value: Any, otherwise: str) -> str:
    return value if isinstance(value, str) and _CODE.fullmatch(value) else otherwise


def _plain(value: Any, most: int) -> str:
    """Return a text of Stripe's as we keep it: on one line, without control characters, bounded."""
    if not isinstance(value, str):
        return ""
    return "".join(character if character.isprintable() else " " for character in value[:most]).strip()
