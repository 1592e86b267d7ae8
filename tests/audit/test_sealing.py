"""Entries are sealed soon after their commit, whatever else is running."""

import psycopg

from accounts.events import CompanyUpdated
from audit.models import AuditEntry, Seal
from audit.seals.entries import seal_waiting
from audit.seals.heads import sign_heads
from core.events import publish
from core.principal import Principal
from core.tenancy import Tenant, system_context, tenant_context
from tests.engines import superuser_url
from tests.factories import World
from tests.late_writers import uncommitted


def note(tenant: Tenant, name: str) -> None:
    publish(CompanyUpdated(object_id="co_1", detail={"name": name}), actor=Principal.system("test"))


def sealed_names(world: World) -> list[list[str]]:
    """Return the names of the entries of each seal of the company, in the order of the chain."""
    with system_context(reason="test"):
        seals = list(Seal.objects.filter(company_id=world.company.id, mode="live").order_by("day", "number"))
        names = {
            entry.id.bytes: entry.detail["name"]
            for entry in AuditEntry.objects.filter(company_id=world.company.id, action="company.updated")
        }
    found = []
    for seal in seals:
        leaves = bytes(seal.leaves)
        rows = [leaves[at : at + 16] for at in range(0, len(leaves), 48)]
        found.append([names[row] for row in rows if row in names])
    return [seal for seal in found if seal]


def test_transaction_of_another_database_delays_no_seal(world: World) -> None:
    with psycopg.connect(superuser_url("postgres")) as foreign:
        foreign.execute("SELECT pg_current_xact_id()")
        with tenant_context(world.tenant()):
            note(world.tenant(), "first")

        seal_waiting()

        assert sealed_names(world) == [["first"]]


def test_late_commit_is_sealed_later_under_its_own_number(world: World) -> None:
    with uncommitted(world.tenant(), lambda: note(world.tenant(), "late"), AuditEntry):
        with tenant_context(world.tenant()):
            note(world.tenant(), "early")

        seal_waiting()
        sign_heads()
        before = sealed_names(world)
    seal_waiting()

    assert before == [["early"]]
    assert sealed_names(world) == [["early"], ["late"]]
