"""Writes of audit: exports of the trail are recorded in the trail."""

from audit.events import AuditExported, ProofDownloaded
from core.events import publish
from core.principal import Principal
from core.tenancy import require_tenant
from core.values import ids


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
