"""Request log entries as they are queued, for tests that need many of them, and sealed entries."""

import uuid
from typing import Any

from audit.models import UnsealedEntry
from audit.seals.entries import seal_waiting
from core.tenancy import system_context
from core.values import ids


def make_row(company: uuid.UUID | None, **values: Any) -> list[Any]:
    """Return one request of `company` as a row of audit.ingest.rows.CONTENT."""
    row: dict[str, Any] = {
        "id": ids.new_id().hex,
        "company": company.hex if company else None,
        "mode": "live" if company else None,
        "key": "0191c8b0d2c57a1e8f6b3a4c5d6e7f80" if company else None,
        "key_name": "ci-deploy" if company else "",
        "method": "GET",
        "route": "/v1/customers/{id}",
        "path": "/v1/customers/cus_01h",
        "status": 200,
        "duration_us": 4200,
        "request_bytes": 0,
        "response_bytes": 512,
        "ip": "203.0.113.7",
        "user_agent": "python-requests/2.32",
        "refused_by": "",
        "trace": None,
        "client_request_id": "",
        "traceparent": "",
    }
    return list((row | values).values())


def seal_all() -> None:
    """Seal every entry there is now."""
    seal_waiting()
    with system_context(reason="test"):
        assert not UnsealedEntry.objects.filter(missing_since=None).exists()
