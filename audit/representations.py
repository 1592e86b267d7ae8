"""The public form of audit's objects, in API responses and exports (docs/architecture.md, Contracts)."""

from typing import Any

from audit.latency import RequestUsage
from audit.models import AuditEntry, RequestLog
from core.clock import rfc3339
from core.principal import Principal
from core.security.reach import READ_SCOPES
from core.values import ids


def audit_entry(row: AuditEntry) -> dict[str, Any]:
    """Return the public form of an audit entry."""
    return {
        "id": row.public_id,
        "object": "audit_entry",
        "mode": row.mode,
        "action": row.action,
        "actor": {"type": row.actor_kind, "id": row.actor_id, "name": row.actor_name},
        "target": {"type": row.target_type, "id": row.target_id},
        "ip": row.ip,
        "user_agent": row.user_agent,
        "request_id": row.request_id or None,
        "changes": row.changes,
        "detail": row.detail,
        "created": rfc3339(row.created),
    }


def audit_entry_for(row: AuditEntry, reader: Principal) -> dict[str, Any]:
    """Return the form of an entry for `reader`: a key without the target's read scope does not see the changed values.

    It sees the names of the fields, with null values.
    """
    entry = audit_entry(row)
    scope = READ_SCOPES.get(row.target_type)
    if reader.kind == "key" and scope is not None and scope not in reader.scopes:
        entry["changes"] = {name: [None, None] for name in row.changes}
        entry["detail"] = {}
    return entry


def request_log(row: RequestLog) -> dict[str, Any]:
    """Return the public form of a logged request."""
    return {
        "id": row.public_id,
        "object": "request_log",
        "mode": row.mode,
        "method": row.method,
        "route": row.route,
        "path": row.path,
        "status": row.status,
        "duration_ms": row.duration_ms,
        "request_bytes": row.request_bytes,
        "response_bytes": row.response_bytes,
        "key": {"id": ids.encode("key", row.key), "name": row.key_name} if row.key else None,
        "ip": row.ip,
        "user_agent": row.user_agent,
        "refused_by": row.refused_by or None,
        "trace": row.trace,
        "client_request_id": row.client_request_id or None,
        "traceparent": row.traceparent or None,
        "created": rfc3339(row.arrived),
    }


def usage(row: RequestUsage) -> dict[str, Any]:
    """Return the public form of the usage of a step, a key or a route."""
    about: dict[str, Any] = {}
    if row.start is not None:
        about["start"] = rfc3339(row.start)
    if row.key is not None:
        about["key"] = {"id": ids.encode("key", row.key), "name": row.key_name}
    if row.route:
        about["route"] = row.route
    return {
        **about,
        "requests": row.requests,
        "client_errors": row.client_errors,
        "server_errors": row.server_errors,
        "refused": row.refused,
        "response_bytes": row.response_bytes,
        "latency_ms": {"p50": row.percentile(0.5), "p95": row.percentile(0.95), "p99": row.percentile(0.99)},
    }
