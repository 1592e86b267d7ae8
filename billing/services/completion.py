"""The completer: puts pending charges and refunds to the gateway, and finishes what a crash interrupted.

A payment is claimed by moving its `due_at` forward (the lease), in a transaction of its own; then the gateway is called,
outside of any transaction, under a key that is the same at every attempt; then the answer is noted. Whatever dies in
between leaves a row that is due again when the lease ends, and asking the gateway again under the same key can only return
what it did the first time.
"""

from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import QuerySet

from billing.gateways import (
    ChargeOrder,
    CheckoutOrder,
    GatewayMisconfigured,
    GatewayUnavailable,
    Outcome,
    RefundOrder,
    gateway_named,
    gateway_names,
)
from billing.models import Charge, InvoiceLink, Refund
from billing.retry import CLOCK
from billing.services.charges import settle_charge
from billing.services.checkouts import ASKED_EVERY, ask_checkout, order_of
from billing.services.refunds import settle_refund
from core import clock
from core.background import set_aside
from core.postgres.outside import outside_transactions
from core.principal import Principal
from core.tenancy import system_context, tenant_context

log = structlog.get_logger(__name__)

ACTOR = Principal.system("billing.complete_payments")
BATCH = 8
BATCH_NAME = "billing.complete_payments"
# At least; twice as long as a call may take, so that two workers rarely ask for the same payment at once.
LEASE = timedelta(seconds=30)
# As far as `attempts` counts: a payment that is asked about for months stays there.
MOST_ATTEMPTS = 32_767


@dataclass(frozen=True, slots=True)
class _Claim:
    payment: Charge | Refund
    order: ChargeOrder | CheckoutOrder | RefundOrder
    # Whether nobody may pay on the payment page any more.
    ends: bool = False

    @property
    def identity(self) -> tuple[str, UUID]:
        """The payment's TypeID and id."""
        return self.payment.public_id, self.payment.id


def complete_payments(*, max_batches: int = 50) -> int:
    """Work off what is due, in every company; returns how many payments were settled."""
    settled = 0
    for _ in range(max_batches):
        claims = _claim_due(Charge) + _claim_due(Refund, "charge")
        if not claims:
            break
        settled += _complete(claims)
    return settled


def _claim_due(model: type[Charge] | type[Refund], *together: str) -> list[_Claim]:
    now = clock.now()
    with system_context(reason="payments that are due"):
        due: QuerySet[Any] = model.objects.filter(
            status="pending", due_at__lte=now, gateway__in=gateway_names()
        ).order_by("due_at")
        if together:
            due = due.select_related(*together)
        rows: list[Any] = list(due.select_for_update(skip_locked=True, no_key=True, of=("self",))[:BATCH])
        for row in rows:
            row.due_at = now + max(LEASE, timedelta(seconds=2 * settings.GATEWAY_TIMEOUT_SECONDS))
            row.attempts = min(row.attempts + 1, MOST_ATTEMPTS)
        model.objects.bulk_update(rows, ["due_at", "attempts"])
        return [_Claim(row, _order_for(row), ends=_ends(row)) for row in rows]


def _ends(payment: Charge | Refund) -> bool:
    """Tell whether a payment page has to close: at its time, or because no link to the invoice works any more."""
    if not isinstance(payment, Charge) or payment.checkout_expires_at is None:
        return False
    working = InvoiceLink.objects.filter(
        company=payment.company_id,
        mode=payment.mode,
        invoice=payment.invoice_id,
        revoked_at=None,
        company__suspended_at=None,
    )
    return payment.checkout_expires_at <= clock.now() or not working.exists()


def _order_for(payment: Charge | Refund) -> ChargeOrder | CheckoutOrder | RefundOrder:
    if isinstance(payment, Charge) and payment.checkout_expires_at is not None:
        return order_of(payment)
    if isinstance(payment, Charge):
        return ChargeOrder(
            key=payment.gateway_key,
            mode=payment.mode,
            ordered_at=payment.created,
            amount=payment.amount,
            currency=payment.currency,
            payment_method=payment.payment_method,
        )
    return RefundOrder(
        key=payment.gateway_key,
        mode=payment.mode,
        ordered_at=payment.created,
        amount=payment.amount,
        currency=payment.charge.currency,
        charge_reference=payment.charge.gateway_reference,
    )


def _complete(claims: list[_Claim]) -> int:
    """Ask about all claims at a time and note each answer as it comes; one silent call holds no other up."""
    with ThreadPoolExecutor(max_workers=len(claims), thread_name_prefix="gateway") as pool:
        asked = {pool.submit(_ask, claim): claim for claim in claims}
        settled = 0

        def note(answer: Future[Outcome | None]) -> None:
            nonlocal settled
            try:
                outcome = answer.result()
            except GatewayMisconfigured:
                _postpone(asked[answer])
                raise
            settled += _note(asked[answer], outcome)

        # One that fails, or cannot be settled, is due again when its lease ends; staff see why.
        set_aside.each(BATCH_NAME, as_completed(asked), note, identify=lambda answer: asked[answer].identity)
    return settled


def _note(claim: _Claim, outcome: Outcome | None) -> bool:
    if outcome is None:
        _postpone(claim)
        return False
    _settle(claim, outcome)
    return True


def _ask(claim: _Claim) -> Outcome | None:
    outside_transactions("gateway")
    order = claim.order
    gateway = gateway_named(claim.payment.gateway)
    try:
        if isinstance(order, CheckoutOrder):
            return ask_checkout(gateway, order, end=claim.ends)
        if claim.payment.attempts >= CLOCK.attempts:
            return gateway.abandon(order)
        return gateway.charge(order) if isinstance(order, ChargeOrder) else gateway.refund(order)
    except GatewayUnavailable as error:
        log.warning(
            "billing.gateway_unavailable",
            payment=claim.payment.public_id,
            attempt=claim.payment.attempts,
            error=str(error),
        )
        return None


def _settle(claim: _Claim, outcome: Outcome) -> None:
    with tenant_context(claim.payment.tenant):
        if isinstance(claim.payment, Charge):
            settle_charge(charge=claim.payment, outcome=outcome, actor=ACTOR)
        else:
            settle_refund(refund=claim.payment, outcome=outcome, actor=ACTOR)


def _postpone(claim: _Claim) -> None:
    """Try again later, unless another worker has taken the payment over since (its attempt is a later one)."""
    payment = claim.payment
    if isinstance(claim.order, CheckoutOrder) and clock.now() < claim.order.expires_at:
        wait = ASKED_EVERY
    else:
        # An abandonment without an answer is repeated.
        wait = CLOCK.wait_after(payment.attempts) or CLOCK.waits[-1]
    with tenant_context(payment.tenant):
        type(payment).objects.filter(id=payment.id, status="pending", attempts=payment.attempts).update(
            due_at=clock.now() + wait
        )
