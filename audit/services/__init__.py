"""Writes of audit: exports of the trail are recorded in the trail, and kept bodies of requests are deleted."""

from accounts.models import Company
from accounts.services.request_bodies import stop_keeping_bodies
from audit.events import AuditExported, ProofDownloaded
from core.background.jobs import wake
from core.events import publish
from core.principal import Mode, Principal
from core.tenancy import require_tenant
from core.values import ids


def delete_bodies(*, company: Company, mode: Mode, actor: Principal) -> None:
    """Keep no more bodies of requests in `mode`, and delete those that are kept.

    From the commit on nobody sees them; the rows, of which there may be many, are removed by `audit.prune_bodies`.
    """
    stop_keeping_bodies(company=company, mode=mode, delete=True, actor=actor)
    wake("audit.prune_bodies")


def record_export(*, what: str, kind: str, filters: dict[str, str], actor: Principal) -> None:
    """Record an export of `what` (entries, requests or usage) in the format `kind` with `filters`."""
    publish(
        AuditExported(
            object_id=ids.encode("co", require_tenant().company_id),
            detail={"what": what, "format": kind, "filters": filters},
        ),
        actor=actor,
    )


def record_proof(*, stream: str, day: str, actor: Principal) -> None:
    """Record the download of a day with its seals."""
    publish(
        ProofDownloaded(
            object_id=ids.encode("co", require_tenant().company_id), detail={"stream": stream, "day": day}
        ),
        actor=actor,
    )
