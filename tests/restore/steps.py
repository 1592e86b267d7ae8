"""Steps before a backup and after a restore, each called in a process of the platform's own (tests.forked)."""

from __future__ import annotations

import uuid
from typing import Any

from accounts.models import Company
from audit.models import AuditEntry
from audit.seals.entries import seal_waiting
from audit.seals.heads import chain_of, exported_heads, sign_heads
from audit.verification import list_heads, verify_chain, verify_days
from core.models import OutboxEvent
from core.tenancy import Tenant, system_context, tenant_context
from tests.factories import make_customer, make_world
from tests.webhooks.steps import drain, make_endpoint
from webhooks import relay

BEFORE = 5


def change_more(company: str) -> dict[str, Any]:
    """Let something happen that the backup will not know of: delivered, sealed, and its heads exported."""
    lost = [make_customer(Tenant(uuid.UUID(company), "live")).public_id for _ in range(BEFORE)]
    drain()
    seal_waiting()
    sign_heads()
    return {"lost": lost}


def make_traffic(url: str) -> dict[str, Any]:
    """Deliver and seal some events; leave as many more behind that are neither relayed nor sealed."""
    world = make_world()
    tenant = world.tenant()
    make_endpoint(tenant, url, events=["customer.*"])
    for _ in range(BEFORE):
        make_customer(tenant)
    drain()
    seal_waiting()
    sign_heads()
    waiting = [make_customer(tenant).public_id for _ in range(BEFORE)]
    return {"company": str(world.company.id), "waiting": waiting}


def go_on(company: str) -> dict[str, Any]:
    """Do what a platform does that has been started again: relay, deliver, seal; with more that happens meanwhile."""
    tenant = Tenant(uuid.UUID(company), "live")
    new = [make_customer(tenant).public_id for _ in range(BEFORE)]
    drain()
    sealed = seal_waiting()
    sign_heads()
    later = [make_customer(tenant).public_id for _ in range(BEFORE)]
    drain()
    sealed += seal_waiting()
    sign_heads()
    exported = exported_heads()
    heads = list_heads()
    findings = [str(f) for head in heads for f in verify_chain(head, exported.get(chain_of(head)))]
    findings += [str(finding) for finding in verify_days()]
    with tenant_context(tenant):
        order = list(
            OutboxEvent.objects.filter(type="customer.created")
            .order_by("id")
            .values_list("object_id", flat=True)
        )
    with system_context(reason="test"):
        entries = AuditEntry.objects.filter(company_id=company).count()  # of both modes, as the heads are
        rows = sum(
            head.rows for head in heads if str(head.company_id) == company and head.stream == "entries"
        )
        known = Company.objects.filter(id=company).count()
    return {
        "new": new + later, "order": order, "findings": findings, "sealed": sealed, "entries": entries,
        "sealed_rows": rows, "companies": known, "waiting": relay.relay_events().waiting,
    }  # fmt: skip
