"""Steps before a backup and after a restore. Each runs as a process and prints JSON."""

from __future__ import annotations

import json
import sys
import uuid
from typing import Any

import django

django.setup()

from accounts.models import Company  # noqa: E402
from audit.models import AuditEntry  # noqa: E402
from audit.seals.entries import seal_waiting  # noqa: E402
from audit.seals.heads import chain_of, exported_heads, sign_heads  # noqa: E402
from audit.verification import list_heads, verify_chain, verify_days  # noqa: E402
from core.models import OutboxEvent  # noqa: E402
from core.tenancy import Tenant, system_context, tenant_context  # noqa: E402
from tests.factories import make_customer, make_world  # noqa: E402
from tests.webhooks.steps import drain, make_endpoint  # noqa: E402
from webhooks import relay  # noqa: E402

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


if __name__ == "__main__":
    step, argument = sys.argv[1:]
    json.dump(
        {"make_traffic": make_traffic, "change_more": change_more, "go_on": go_on}[step](argument), sys.stdout
    )
