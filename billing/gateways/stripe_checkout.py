"""Stripe's hosted payment pages (Checkout Sessions), for payers who are present, including 3-D Secure.

A session whose response was lost cannot be paid by anyone: its URL is random and was sent only to us. So the only session
that counts is the one saved on the charge before the payer was redirected.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import stripe
from django.conf import settings

from billing.gateways.interface import (
    CheckoutOrder,
    CheckoutPage,
    GatewayMisconfigured,
    GatewayUnavailable,
    Outcome,
)
from billing.gateways.stripe_amounts import to_stripe
from billing.gateways.stripe_calls import (
    METADATA_KEY,
    OrderRefused,
    calling_stripe,
    connect,
    failed,
    key_of,
    plain,
)

_SESSION = re.compile(r"cs_[A-Za-z0-9_]{1,200}")
_INTENT = re.compile(r"pi_[A-Za-z0-9_]{1,200}")


class StripeCheckout:
    """The hosted payment page part of the gateway."""

    def checkout_origin(self) -> str:
        """Return the origin of Stripe's payment pages."""
        return settings.STRIPE_CHECKOUT_URL

    def open_checkout(
        self, order: CheckoutOrder, *, title: str, return_to: str, attempt: str
    ) -> CheckoutPage | Outcome:
        """Create a session, always the same one for an `attempt`; returns an Outcome when Stripe refuses the order."""
        api = connect(order.mode)
        try:
            with calling_stripe():
                session = api.v1.checkout.sessions.create(
                    {
                        "mode": "payment",
                        "allowed_payment_method_types": ["card"],
                        "line_items": [
                            {
                                "quantity": 1,
                                "price_data": {
                                    "currency": order.currency.lower(),
                                    "unit_amount": to_stripe(order.amount, order.currency),
                                    "product_data": {"name": title},
                                },
                            }
                        ],
                        # The payer pays the invoice's amount, in its currency.
                        "adaptive_pricing": {"enabled": False},
                        "metadata": {METADATA_KEY: order.key},
                        "payment_intent_data": {"metadata": {METADATA_KEY: order.key}},
                        "expires_at": int(order.expires_at.timestamp()),
                        "success_url": f"{return_to}?payment=done",
                        "cancel_url": f"{return_to}?payment=left",
                    },
                    {"idempotency_key": f"{order.key}-{attempt}"},
                )
                return CheckoutPage(session=_checked(session, order).id, url=_url(session))
        except OrderRefused as refused:
            return refused.outcome()

    def reopen_checkout(self, order: CheckoutOrder) -> CheckoutPage | None:
        """Return the session's page while it is open."""
        session = _retrieve(connect(order.mode), order)
        with calling_stripe():
            return CheckoutPage(session=session.id, url=_url(session)) if session.status == "open" else None

    def poll_checkout(self, order: CheckoutOrder) -> Outcome | None:
        """Return the outcome of the session, None while it is open or the payment is being processed."""
        return _outcome(_retrieve(connect(order.mode), order))

    def end_checkout(self, order: CheckoutOrder) -> Outcome | None:
        """Expire an open session, and return its outcome."""
        api = connect(order.mode)
        session = _retrieve(api, order)
        if session.status != "open":
            return _outcome(session)
        with calling_stripe():
            try:
                session = _checked(api.v1.checkout.sessions.expire(session.id), order)
            except stripe.InvalidRequestError:
                # It was paid concurrently, or has expired by itself.
                session = _checked(api.v1.checkout.sessions.retrieve(session.id), order)
        return _outcome(session)


def _retrieve(api: stripe.StripeClient, order: CheckoutOrder) -> Any:
    with calling_stripe():
        return _checked(api.v1.checkout.sessions.retrieve(order.session), order)


def _checked(session: Any, order: CheckoutOrder) -> Any:
    """Return the session if it is about this order. Raises ValueError otherwise."""
    if not _SESSION.fullmatch(session.id) or order.session not in ("", session.id):
        raise ValueError("another session")
    if key_of(session) != order.key:
        raise ValueError("another order")
    if session.amount_total != to_stripe(order.amount, order.currency) or (
        session.currency.upper() != order.currency
    ):
        # Needs staff attention: the page requests, or has charged, a different amount than the invoice.
        raise GatewayMisconfigured(f"stripe: {session.id} is about another amount")
    return session


def _url(session: Any) -> str:
    """Return the URL of the payment page. Raises GatewayMisconfigured if it is not on Stripe's origin."""
    url = session.url
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" != settings.STRIPE_CHECKOUT_URL or not url.isprintable():
        raise GatewayMisconfigured(f"stripe: payment pages are not at {settings.STRIPE_CHECKOUT_URL}")
    return str(url)


def _outcome(session: Any) -> Outcome | None:
    """Return the outcome of the session. Raises GatewayUnavailable for an unknown status."""
    with calling_stripe():
        status, paid, intent = session.status, session.payment_status, session.payment_intent
        if status == "complete" and paid == "paid":
            if not _INTENT.fullmatch(intent):
                raise ValueError("no id")
            return Outcome(succeeded=True, reference=intent)
        if status == "expired":
            return failed(session.id, "checkout_expired", "Nobody paid before the payment page expired.")
        if status in ("open", "complete"):
            return None
    raise GatewayUnavailable(f"stripe: the payment page is {plain(status, 50)!r}")
