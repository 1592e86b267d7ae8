"""Sample objects for the operations and pages of the audit trail."""

import uuid
from collections.abc import Callable

from audit.ingest.store import store
from audit.models import AuditEntry
from core.tenancy import Tenant, tenant_context
from core.values import ids
from tests.audit.rows import make_row
from tests.factories import make_customer


def make_audit_entry(tenant: Tenant) -> str:
    """Return the id of the audit entry of a `customer.created`."""
    customer = make_customer(tenant)
    with tenant_context(tenant):
        return AuditEntry.objects.get(target_id=customer.public_id).public_id


def make_request_log(tenant: Tenant) -> str:
    """Return the id of a logged request."""
    row = make_row(tenant.company_id, mode=tenant.mode)
    store([row])
    return ids.encode("req", uuid.UUID(row[0]))


OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "audit_entries": make_audit_entry,
    "request_logs": make_request_log,
}

PAGE_OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "audit/": make_audit_entry,
    "requests/": make_request_log,
}

RARE_QUERIES = {
    "audit_entries?ip": {"ip": "203.0.113.99"},
    "request_logs?ip": {"ip": "203.0.113.99"},
    "request_logs?status": {"status": "599"},
    "request_logs?trace_id": {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
}
