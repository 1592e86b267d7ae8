"""Records the disputes that a gateway reports on their charges."""

from datetime import timedelta

import structlog

from billing import representations
from billing.events import ChargeDisputeClosed, ChargeDisputed, ChargeDisputeUpdated
from billing.gateways import DisputeReport
from billing.models import Charge, Dispute
from billing.models.disputes import ENDED
from core import clock
from core.events import publish
from core.principal import Principal
from core.tenancy import system_context, tenant_context

log = structlog.get_logger(__name__)

ACTOR = Principal.system("billing.gateway_reports")
# A charge whose outcome is awaited is due again within this time.
ANSWERED_WITHIN = timedelta(hours=1)
_REPORTED_FIELDS = ("amount", "currency", "reason", "status", "response_due_at")


def handle_dispute_report(*, gateway: str, report: DisputeReport) -> bool:
    """Record a dispute reported by `gateway`; return whether it is about one of our charges.

    Repeated and outdated reports change nothing. No money moves here: the gateway has debited the platform's account, or not.
    """
    with system_context(reason="a charge that a gateway reports a dispute of"):
        charge = Charge.objects.filter(
            gateway_reference=report.charge_reference, gateway=gateway, mode=report.mode
        ).first()
    if charge is None or not report.charge_reference:
        log.info("billing.dispute_of_unknown", gateway=gateway, mode=report.mode, reference=report.reference)
        return False
    with tenant_context(charge.tenant):
        _apply_report(charge, report)
    return True


def is_answer_awaited(*, gateway: str, report: DisputeReport) -> bool:
    """Return whether the disputed charge may still be pending here, so that its `charge_reference` is not known yet."""
    if not report.charge_reference:
        return False
    with system_context(reason="charges that a gateway's answer is awaited of"):
        pending = Charge.objects.filter(status="pending", due_at__lte=clock.now() + ANSWERED_WITHIN)
        return pending.filter(gateway=gateway, mode=report.mode, created__lte=report.reported_at).exists()


def _apply_report(charge: Charge, report: DisputeReport) -> None:
    # The lock serializes concurrent reports about the same charge.
    charge = Charge.objects.select_for_update(no_key=True).get(id=charge.id)
    told = {name: getattr(report, name) for name in _REPORTED_FIELDS}
    news = {**told, "reported_at": report.reported_at, "updated": clock.now()}
    known = Dispute.objects.filter(charge=charge, gateway_reference=report.reference).first()
    if known is None:
        dispute = Dispute.objects.create(charge=charge, gateway_reference=report.reference, **news)
    elif _is_late(known, report) or told == {name: getattr(known, name) for name in _REPORTED_FIELDS}:
        return
    else:
        dispute = known
        for name, value in news.items():
            setattr(dispute, name, value)
        dispute.save(update_fields=list(news))
    charge.updated = dispute.updated
    charge.save(update_fields=["updated"])
    happened: list[type[ChargeDisputed] | type[ChargeDisputeUpdated] | type[ChargeDisputeClosed]] = []
    if known is None:
        happened.append(ChargeDisputed)
    if dispute.status in ENDED:
        happened.append(ChargeDisputeClosed)
    for event in happened or [ChargeDisputeUpdated]:
        publish(event(object_id=charge.public_id, object=representations.charge(charge)), actor=ACTOR)


def _is_late(known: Dispute, report: DisputeReport) -> bool:
    """Return whether the report is outdated. Timestamps are in seconds: within the same second, a final status is the later one."""
    same = report.reported_at == known.reported_at
    return report.reported_at < known.reported_at or (
        same and known.status in ENDED and report.status not in ENDED
    )
