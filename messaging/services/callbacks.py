"""Records asynchronous provider reports: delivered, bounced, complained. The caller has verified their origin."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog
from prometheus_client import Counter

from core.background import set_aside
from core.principal import Principal
from core.tenancy import Tenant, tenant_context
from core.values.texts import storable
from messaging.channels import find_spellings
from messaging.models import Recipient
from messaging.selectors import messages as selectors
from messaging.services.outcomes import RecipientUpdate, lock_messages, recipients_of, record_updates

BATCH_NAME = "messaging.callbacks"
log = structlog.get_logger(__name__)
REPORTS = Counter("pomelo_message_reports_total", "What providers reported", ["source", "result"])


@dataclass(frozen=True, slots=True)
class Report:
    """A report about one recipient, identified by our id, by message and address, or by the provider's id."""

    kind: str
    code: str = ""
    detail: str = ""
    note_id: str | None = None
    suppress: bool = False
    recipient_id: uuid.UUID | None = None
    message_id: uuid.UUID | None = None
    address: str = ""
    provider_id: str = ""


def record_reports(*, source: str, providers: frozenset[str], reports: Sequence[Report]) -> int:
    """Record reports from `source` about recipients sent through one of `providers`; return how many are new.

    Reports about unknown recipients, or those sent through another provider, are counted and ignored. A report that cannot be
    recorded is set aside, and the others are recorded.
    """
    by_tenant: dict[Tenant, list[tuple[Recipient, Report]]] = defaultdict(list)

    def find(report: Report) -> None:
        recipient = _find(source, report)
        # "" until the worker that made the call has recorded it.
        if recipient is None or recipient.provider not in ("", *providers) or recipient.mode != "live":
            REPORTS.labels(source, "unknown").inc()
            log.info("messaging.report_unknown", source=source, kind=report.kind)
        else:
            by_tenant[recipient.tenant].append((recipient, report))

    for report in reports:
        _by_itself(source, report, partial(find, report))
    return sum(_record_in(tenant, source, found) for tenant, found in by_tenant.items())


def _record_in(tenant: Tenant, source: str, found: Sequence[tuple[Recipient, Report]]) -> int:
    """Record the reports of a tenant together, or one by one if any of them fails."""
    try:
        with tenant_context(tenant):
            return _record(source, found)
    except Exception as error:
        if set_aside.concerns_all(error):
            raise
        if len(found) == 1:
            _record_failure(source, found[0][1], error)
            return 0
    return sum(_record_in(tenant, source, [one]) for one in found)


def _by_itself(source: str, report: Report, work: Callable[[], None]) -> None:
    try:
        work()
    except Exception as error:
        if set_aside.concerns_all(error):
            raise
        _record_failure(source, report, error)


def _record_failure(source: str, report: Report, error: Exception) -> None:
    REPORTS.labels(source, "set_aside").inc()
    set_aside.record_failure(
        BATCH_NAME, f"{source}: {report.kind} {report.note_id or report.provider_id}", error
    )


def _find(source: str, report: Report) -> Recipient | None:
    report = replace(report, address=storable(report.address), provider_id=storable(report.provider_id))
    if report.recipient_id is not None:
        return selectors.find_recipient(report.recipient_id)
    normalized = next(iter(find_spellings(report.address)), "")
    if report.message_id is not None:
        return selectors.find_recipient_by_address(report.message_id, normalized)
    if not report.provider_id:
        return None
    found = selectors.find_recipients_by_provider_id(source, report.provider_id)
    # A provider may use one id for all recipients of a message; the address then identifies the recipient.
    if len(found) > 1:
        found = [row for row in found if row.address_normalized == normalized]
    return found[0] if found else None


def _record(source: str, found: Sequence[tuple[Recipient, Report]]) -> int:
    messages = lock_messages({recipient.message_id for recipient, _ in found})
    recipients = recipients_of(messages)
    updates = [
        RecipientUpdate(
            recipient.id,
            report.kind,
            source,
            code=report.code,
            detail=report.detail,
            provider_id=report.provider_id,
            note_id=report.note_id,
            suppress=report.suppress,
        )
        for recipient, report in found
    ]
    before = {row.id: row.status for row in recipients.values()}
    record_updates(
        messages=messages,
        recipients=recipients,
        updates=updates,
        actor=Principal.system(f"messaging.callbacks.{source}"),
    )
    REPORTS.labels(source, "recorded").inc(len(updates))
    return sum(1 for row in recipients.values() if row.status != before[row.id])
