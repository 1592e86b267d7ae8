"""What providers tell us later: delivered, bounced, complained. The caller has verified that the provider says so."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from prometheus_client import Counter

from core.principal import Principal
from core.tenancy import Tenant, tenant_context
from messaging.channels import find_spellings
from messaging.models import Recipient
from messaging.selectors import messages as selectors
from messaging.services.outcomes import News, lock_messages, recipients_of, record_news

log = structlog.get_logger(__name__)
REPORTS = Counter("pomelo_message_reports_total", "What providers reported", ["source", "result"])


@dataclass(frozen=True, slots=True)
class Report:
    """One report about one recipient, who is named by our own id, by message and address, or by the provider's id."""

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
    """Write down what `source` reports about recipients that one of `providers` was given; returns how many are new.

    Reports about recipients that are unknown, or that another provider was given, are counted and change nothing.
    """
    by_tenant: dict[Tenant, list[tuple[Recipient, Report]]] = defaultdict(list)
    for report in reports:
        recipient = _find(source, report)
        # "" until the worker that made the call has written down that it did.
        if recipient is None or recipient.provider not in ("", *providers) or recipient.mode != "live":
            REPORTS.labels(source, "unknown").inc()
            log.info("messaging.report_unknown", source=source, kind=report.kind)
            continue
        by_tenant[recipient.tenant].append((recipient, report))
    recorded = 0
    for tenant, found in by_tenant.items():
        with tenant_context(tenant):
            recorded += _record(source, found)
    return recorded


def _find(source: str, report: Report) -> Recipient | None:
    if report.recipient_id is not None:
        return selectors.find_recipient(report.recipient_id)
    normalized = next(iter(find_spellings(report.address)), "")
    if report.message_id is not None:
        return selectors.find_recipient_by_address(report.message_id, normalized)
    if not report.provider_id:
        return None
    found = selectors.find_recipients_by_provider_id(source, report.provider_id)
    # A provider may give all recipients of a message one id; the address then says which.
    if len(found) > 1:
        found = [row for row in found if row.address_normalized == normalized]
    return found[0] if found else None


def _record(source: str, found: Sequence[tuple[Recipient, Report]]) -> int:
    messages = lock_messages({recipient.message_id for recipient, _ in found})
    recipients = recipients_of(messages)
    news = [
        News(
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
    record_news(
        messages=messages,
        recipients=recipients,
        news=news,
        actor=Principal.system(f"messaging.callbacks.{source}"),
    )
    REPORTS.labels(source, "recorded").inc(len(news))
    return sum(1 for row in recipients.values() if row.status != before[row.id])
