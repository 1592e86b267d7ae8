"""Handles gateway events. An event only triggers a query of the gateway; it is never trusted as the outcome itself."""

import re
from datetime import timedelta

import structlog

from billing.gateways import PaymentReport
from billing.models import Charge, Refund
from core import clock
from core.background import set_aside
from core.tenancy import system_context
from core.values import ids

log = structlog.get_logger(__name__)

BATCH_NAME = "billing.gateway_reports"
# Leaves time for a call already in progress to return the outcome, so that the gateway is not called twice.
GRACE = timedelta(seconds=10)
_KEY = re.compile(r"pomelo-(live|test)-((ch|re)_[0-9a-z]{1,40})")
_MODELS: dict[str, type[Charge] | type[Refund]] = {"ch": Charge, "re": Refund}


def handle_payment_report(*, gateway: str, report: PaymentReport) -> bool:
    """Schedule a query of a pending payment of `gateway`; return whether the report is about one of ours.

    Repeated and late reports change nothing. A refund that failed after it had succeeded is shown to staff: the money was
    returned to the platform's account, and a person has to decide what to do. So is a payment that succeeded for a charge
    already recorded as failed.
    """
    payment = _find(gateway, report)
    if payment is None:
        log.info("billing.report_of_unknown", gateway=gateway, mode=report.mode, reference=report.reference)
        return False
    if report.failed and payment.status == payment.Status.SUCCEEDED:
        reason = f"{gateway} reports that {report.reference} failed after it had succeeded."
        set_aside.record_failure(BATCH_NAME, payment.public_id, reason, row_id=payment.id)
    if report.taken and payment.status == payment.Status.FAILED:
        reason = f"{gateway} reports that {report.reference} was paid after the charge had failed. Refund it there, or record it."
        set_aside.record_failure(BATCH_NAME, payment.public_id, reason, row_id=payment.id)
    return True


def _find(gateway: str, report: PaymentReport) -> Charge | Refund | None:
    """Return the payment with the report's key, and make it due soon if it is pending."""
    key = _KEY.fullmatch(report.key)
    if key is None or key[1] != report.mode:
        return None
    model = _MODELS[key[3]]
    try:
        payment_id = ids.decode(key[3], key[2])
    except ids.InvalidId:
        return None
    soon = clock.now() + GRACE
    with system_context(reason="a payment that a gateway reports of"):
        rows = model.objects.filter(id=payment_id, mode=report.mode, gateway=gateway)
        rows.filter(status="pending", due_at__gt=soon).update(due_at=soon)
        return rows.first()
