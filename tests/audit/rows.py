"""Requests as they travel to the log, for tests that need many of them, and entries that are sealed for certain."""

import time
import uuid
from typing import Any

from django.db import connection

from audit.models import SealCursor
from audit.seals.entries import seal_waiting
from core import ids
from core.tenancy import system_context


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
    }
    return list((row | values).values())


def seal_all() -> None:
    """Seal every entry there is now. Transactions are numbered per server: those of the other workers hold sealing back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        end = cursor.fetchone()[0]
    deadline = time.monotonic() + 120
    while True:
        seal_waiting()
        with system_context(reason="test"):
            if all(sealed >= end for sealed in SealCursor.objects.values_list("transaction_id", flat=True)):
                return
        assert time.monotonic() < deadline, "a transaction stays open and holds sealing back"
        time.sleep(0.02)
