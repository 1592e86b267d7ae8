"""What a gateway tells of disputes, noted on the charge they are about."""

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
# A charge whose answer is awaited is asked about that soon.
ANSWERED_WITHIN = timedelta(hours=1)
_TOLD = ("amount", "currency", "reason", "status", "response_due_at")


def take_dispute_report(*, gateway: str, report: DisputeReport) -> bool:
    """Note what `gateway` tells of a dispute; returns whether it is about a charge of ours.

    What was told before, or is older than what is known, changes nothing. Money does not move here: the gateway has taken it
    back from the platform's account, or has not.
    """
    with system_context(reason="a charge that a gateway reports a dispute of"):
        charge = Charge.objects.filter(
            gateway_reference=report.charge_reference, gateway=gateway, mode=report.mode
        ).first()
    if charge is None or not report.charge_reference:
        log.info("billing.dispute_of_unknown", gateway=gateway, mode=report.mode, reference=report.reference)
        return False
    with tenant_context(charge.tenant):
        _note(charge, report)
    return True


def is_answer_awaited(*, gateway: str, report: DisputeReport) -> bool:
    """Tell whether a charge that the dispute may be about is still pending here, so that its `charge_reference` is not known yet."""
    if not report.charge_reference:
        return False
    with system_context(reason="charges that a gateway's answer is awaited of"):
        pending = Charge.objects.filter(status="pending", due_at__lte=clock.now() + ANSWERED_WITHIN)
        return pending.filter(gateway=gateway, mode=report.mode, created__lte=report.reported_at).exists()


def _note(charge: Charge, report: DisputeReport) -> None:
    # Two reports at once take turns at their charge.
    charge = Charge.objects.select_for_update(no_key=True).get(id=charge.id)
    told = {name: getattr(report, name) for name in _TOLD}
    news = {**told, "reported_at": report.reported_at, "updated": clock.now()}
    known = Dispute.objects.filter(charge=charge, gateway_reference=report.reference).first()
    if known is None:
        dispute = Dispute.objects.create(charge=charge, gateway_reference=report.reference, **news)
    elif _is_late(known, report) or told == {name: getattr(known, name) for name in _TOLD}:
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
    """Tell whether more is known. The clock has seconds only: of two reports of one second the end is the later one."""
    same = report.reported_at == known.reported_at
    return report.reported_at < known.reported_at or (
        same and known.status in ENDED and report.status not in ENDED
    )
