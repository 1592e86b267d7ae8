"""Stripe, on its own SDK (the extra `stripe`). Imported only where a setting names this gateway (docs/billing.md, Stripe).

A charge is a PaymentIntent that is created first and confirmed in a second call, because creating one moves no money. If a
response is lost in between, the same key finds the same intent, and its status is read from Stripe, never guessed. Stripe
drops a key after a day; an older order is searched by the key in the intent's metadata before it is submitted again.
"""

import re
from datetime import timedelta
from typing import Any

import stripe

from billing.gateways.interface import ChargeOrder, GatewayUnavailable, Outcome, RefundOrder
from billing.gateways.stripe_amounts import amount_problem, to_stripe
from billing.gateways.stripe_calls import (
    METADATA_KEY,
    OrderRefused,
    calling_stripe,
    code_of,
    connect,
    decline_code,
    failed,
    key_of,
    plain,
    secret_key,
)
from billing.gateways.stripe_checkout import StripeCheckout
from billing.gateways.stripe_checks import check_settings
from core import clock

# Stripe keeps keys for at least a day; orders near that age are searched for.
KEY_KEPT_FOR = timedelta(hours=20)

_PAYMENT_METHOD = re.compile(r"pm_[A-Za-z0-9_]{1,60}")
_REFERENCE = re.compile(r"(pi|re|pyr)_[A-Za-z0-9_]{1,200}")


class StripeGateway(StripeCheckout):
    """Charges cards through PaymentIntents, with a separate key per mode, and offers Stripe Checkout."""

    name = "stripe"
    # Each payer has their own (`pm_…`, created by Stripe's libraries in the browser), so there is no list to choose from.
    payment_methods = ()
    check_settings = staticmethod(check_settings)

    def takes(self, mode: str) -> bool:
        """Return whether there is a key for `mode`."""
        return bool(secret_key(mode))

    def payment_method_problem(self, payment_method: str) -> str:
        """Return why this payment method cannot be charged, or ""."""
        if _PAYMENT_METHOD.fullmatch(payment_method):
            return ""
        return "Use the id of a PaymentMethod of Stripe, such as pm_1ABC…"

    def amount_problem(self, amount: int, currency: str) -> str:
        """Return why this amount cannot be charged or refunded, or ""."""
        return amount_problem(amount, currency)

    def charge(self, order: ChargeOrder) -> Outcome:
        """Execute the charge, once per key. Raises GatewayUnavailable, GatewayMisconfigured."""
        api = connect(order.mode)
        try:
            intent = _intent(api, order)
        except OrderRefused as refused:
            return refused.outcome()
        if intent.status == "requires_confirmation":
            return _confirm(api, order, intent.id)
        return _outcome(intent)

    def refund(self, order: RefundOrder) -> Outcome:
        """Execute the refund, once per key. Raises GatewayUnavailable, GatewayMisconfigured."""
        api = connect(order.mode)
        try:
            refund = _refund(api, order)
        except OrderRefused as refused:
            return refused.outcome()
        if refund.status == "succeeded":
            return Outcome(succeeded=True, reference=refund.id)
        if refund.status in ("failed", "canceled"):
            reason = code_of(getattr(refund, "failure_reason", None), f"refund_{refund.status}")
            return failed(refund.id, reason, "Stripe could not give the money back.")
        raise GatewayUnavailable(f"stripe: the refund is {plain(refund.status, 50)!r}")

    def abandon(self, order: ChargeOrder | RefundOrder) -> Outcome:
        """Return the outcome of the order; a charge without one is canceled, so that it never succeeds.

        A refund cannot be canceled, and is still wanted: it is submitted again, and stays pending until Stripe has an outcome.
        Raises GatewayUnavailable, GatewayMisconfigured.
        """
        if isinstance(order, RefundOrder):
            return self.refund(order)
        api = connect(order.mode)
        try:
            intent = _intent(api, order)
        except OrderRefused as refused:
            return refused.outcome()
        return _outcome_or_cancel(
            api,
            order,
            intent,
            failed(intent.id, "gateway_timeout", "Stripe never answered; no money was moved."),
        )


def _intent(api: stripe.StripeClient, order: ChargeOrder) -> stripe.PaymentIntent:
    """Return the current state of the order's PaymentIntent, creating it if there is none. Raises OrderRefused."""
    with calling_stripe():
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
            # A replayed response shows the intent as it was when created.
            intent = _checked(api.v1.payment_intents.retrieve(intent.id), order)
        return intent


def _confirm(api: stripe.StripeClient, order: ChargeOrder, intent_id: str) -> Outcome:
    """Confirm an intent. One that requires the payer's action is declined, since the payer is not present."""
    try:
        with calling_stripe():
            confirmed = api.v1.payment_intents.confirm(
                intent_id,
                {"error_on_requires_action": True},
                {"idempotency_key": f"{order.key}-confirm"},
            )
            return _outcome(_checked(confirmed, order))
    except OrderRefused as refused:
        if isinstance(refused.error, stripe.CardError):
            return refused.outcome(intent_id)
        # The payment method is unusable, or the intent was confirmed before.
        with calling_stripe():
            intent = _checked(api.v1.payment_intents.retrieve(intent_id), order)
        return _outcome_or_cancel(api, order, intent, refused.outcome(intent_id))


def _outcome(intent: stripe.PaymentIntent) -> Outcome:
    """Return the outcome of an intent. Raises GatewayUnavailable while it is open."""
    if intent.status == "succeeded":
        return Outcome(succeeded=True, reference=intent.id)
    if intent.status == "canceled":
        return failed(intent.id, "canceled", "The payment was canceled at Stripe.")
    error = getattr(intent, "last_payment_error", None)
    if intent.status == "requires_payment_method" and error:
        code = decline_code(
            getattr(error, "decline_code", None), getattr(error, "code", None), otherwise="declined"
        )
        return failed(intent.id, code, getattr(error, "message", None))
    raise GatewayUnavailable(f"stripe: the payment is {plain(intent.status, 50)!r}")


def _outcome_or_cancel(
    api: stripe.StripeClient, order: ChargeOrder, intent: stripe.PaymentIntent, failure: Outcome
) -> Outcome:
    """Return the outcome of the intent; if it has none, cancel it and return `failure`."""
    try:
        return _outcome(intent)
    except GatewayUnavailable:
        with calling_stripe():
            try:
                canceled = api.v1.payment_intents.cancel(
                    intent.id, {}, {"idempotency_key": f"{order.key}-cancel"}
                )
            except stripe.InvalidRequestError:
                # It succeeded concurrently, or cannot be canceled yet.
                return _outcome(_checked(api.v1.payment_intents.retrieve(intent.id), order))
            if _checked(canceled, order).status == "canceled":
                return failure
        raise


def _refund(api: stripe.StripeClient, order: RefundOrder) -> stripe.Refund:
    """Return the current state of the order's refund, creating it if there is none. Raises OrderRefused."""
    with calling_stripe():
        if _may_be_forgotten(order):
            known = api.v1.refunds.list({"payment_intent": order.charge_reference, "limit": 100}).data
            for refund in known:
                if key_of(refund) == order.key:
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
    """Return `answer` if it is about this order and has an id we can store. Raises ValueError otherwise."""
    if not _REFERENCE.fullmatch(answer.id):
        raise ValueError("no id")
    if answer.amount != to_stripe(order.amount, order.currency) or answer.currency.upper() != order.currency:
        raise ValueError("another amount")
    if key_of(answer) != order.key:
        raise ValueError("another order")
    return answer


def _is_replay(answer: Any) -> bool:
    return answer.last_response.headers.get("idempotent-replayed") == "true"


def _may_be_forgotten(order: ChargeOrder | RefundOrder) -> bool:
    return clock.now() - order.ordered_at > KEY_KEPT_FOR
