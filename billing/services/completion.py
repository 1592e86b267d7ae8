"""The completer: submits pending charges and refunds to the gateway, and finishes what a crash interrupted.

A payment is claimed by moving its `due_at` forward (the lease), in its own transaction. Then the gateway is called, outside of
any transaction and with the same idempotency key at every attempt, and the outcome is recorded. If a worker dies in between,
the row is due again when the lease ends, and calling the gateway again with the same key only returns the first result.
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
from billing.services.checkouts import ASKED_EVERY, order_of, poll_checkout
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
# The minimum; twice the gateway timeout, so that two workers rarely submit the same payment at once.
LEASE = timedelta(seconds=30)
# The upper limit of `attempts`, reached by a payment that is retried for months.
MOST_ATTEMPTS = 32_767


@dataclass(frozen=True, slots=True)
class _Claim:
    payment: Charge | Refund
    order: ChargeOrder | CheckoutOrder | RefundOrder
    # Whether the payment page has to be closed.
    ends: bool = False

    @property
    def identity(self) -> tuple[str, UUID]:
        """The payment's TypeID and id."""
        return self.payment.public_id, self.payment.id


def complete_payments(*, max_batches: int = 50) -> int:
    """Process due payments of all companies; return how many were settled."""
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
    """Return whether a payment page has to be closed: it expired, or no link to the invoice works any more."""
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
    """Call the gateway for all claims concurrently and record each result as it arrives; a slow call delays no other."""
    with ThreadPoolExecutor(max_workers=len(claims), thread_name_prefix="gateway") as pool:
        asked = {pool.submit(_call_gateway, claim): claim for claim in claims}
        settled = 0

        def note(answer: Future[Outcome | None]) -> None:
            nonlocal settled
            try:
                outcome = answer.result()
            except GatewayMisconfigured:
                _postpone(asked[answer])
                raise
            settled += _record_outcome(asked[answer], outcome)

        # A claim that fails, or cannot be settled, is due again when its lease ends; staff see the reason.
        set_aside.each(BATCH_NAME, as_completed(asked), note, identify=lambda answer: asked[answer].identity)
    return settled


def _record_outcome(claim: _Claim, outcome: Outcome | None) -> bool:
    if outcome is None:
        _postpone(claim)
        return False
    _settle(claim, outcome)
    return True


def _call_gateway(claim: _Claim) -> Outcome | None:
    outside_transactions("gateway")
    order = claim.order
    gateway = gateway_named(claim.payment.gateway)
    try:
        if isinstance(order, CheckoutOrder):
            return poll_checkout(gateway, order, end=claim.ends)
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
    """Schedule a retry, unless another worker has claimed the payment since (with a later attempt)."""
    payment = claim.payment
    if isinstance(claim.order, CheckoutOrder) and clock.now() < claim.order.expires_at:
        wait = ASKED_EVERY
    else:
        # An abandonment without a response is retried.
        wait = CLOCK.wait_after(payment.attempts) or CLOCK.waits[-1]
    with tenant_context(payment.tenant):
        type(payment).objects.filter(id=payment.id, status="pending", attempts=payment.attempts).update(
            due_at=clock.now() + wait
        )
