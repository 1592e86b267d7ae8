"""Giving money back, and noting what the gateway answered."""

from billing import representations
from billing.events import RefundCreated, RefundFailed, RefundSucceeded
from billing.gateways import Outcome, gateway_names
from billing.models import Charge, Refund
from billing.services.charges import COMPLETE_TASK
from billing.services.errors import ChargeNotRefundable, RefundExceedsCharge
from core import clock, jobs
from core.events import publish
from core.principal import Principal


def create_refund(
    *, charge: Charge, actor: Principal, amount: int | None = None, full: bool = False
) -> Refund:
    """Accept a refund of `amount`, or with `full` of all that is left; a worker puts it to the gateway after the commit.

    Raises ChargeNotRefundable, RefundExceedsCharge; ValueError when neither or both are given.
    """
    if (amount is not None) == full:
        raise ValueError("A refund is of an amount, or of all that is left.")
    charge = Charge.objects.select_for_update(no_key=True).get(id=charge.id)
    if charge.status != Charge.Status.SUCCEEDED:
        raise ChargeNotRefundable(f"The charge is {charge.status}.", facts={"status": charge.status})
    if charge.gateway not in gateway_names():
        raise ChargeNotRefundable(
            f"The gateway that took this charge ({charge.gateway}) is no longer configured."
        )
    refundable = charge.amount_refundable
    amount = refundable if amount is None else amount
    if not 0 < amount <= refundable:
        raise RefundExceedsCharge(
            f"{refundable} of this charge can be refunded.", facts={"amount_refundable": refundable}
        )
    refund: Refund = Refund.objects.create(charge=charge, amount=amount, gateway=charge.gateway)
    charge.amount_refund_pending += amount
    charge.save(update_fields=["amount_refund_pending"])
    publish(RefundCreated(object_id=refund.public_id, object=representations.refund(refund)), actor=actor)
    jobs.enqueue(COMPLETE_TASK)
    return refund


def settle_refund(*, refund: Refund, outcome: Outcome, actor: Principal) -> Refund:
    """Note the gateway's definitive answer; a refund that was settled meanwhile stays as it is."""
    charge = Charge.objects.select_for_update(no_key=True).get(id=refund.charge_id)
    refund = Refund.objects.select_for_update(no_key=True).get(id=refund.id)
    if refund.status != Refund.Status.PENDING:
        return refund
    now = clock.now()
    refund.status = Refund.Status.SUCCEEDED if outcome.succeeded else Refund.Status.FAILED
    refund.failure_code, refund.failure_message = outcome.failure_code, outcome.failure_message
    refund.gateway_reference = outcome.reference
    refund.due_at, refund.settled_at, refund.updated = None, now, now
    refund.save()
    charge.amount_refund_pending -= refund.amount
    if outcome.succeeded:
        charge.amount_refunded += refund.amount
        charge.updated = now
    charge.save(update_fields=["amount_refund_pending", "amount_refunded", "updated"])
    event = RefundSucceeded if outcome.succeeded else RefundFailed
    publish(event(object_id=refund.public_id, object=representations.refund(refund)), actor=actor)
    return refund
