"""Security events are one append-only row in the transaction of the change."""

import contextlib
import dataclasses
from collections.abc import Iterator
from datetime import date

import pytest
from django.db import DatabaseError, connection, connections

from accounts import services
from accounts.events import CompanyUpdated
from audit.days import day_bounds, day_of
from audit.events import AuditExported
from audit.models import AuditEntry, StaffEntry
from audit.partitions import tables
from billing.services import update_customer
from core import clock
from core.events import publish, publish_all, publish_unowned
from core.principal import Principal
from core.tenancy import system_context, tenant_context
from core.values import ids
from tests.factories import World, make_customer


def person(world: World) -> Principal:
    return Principal(
        kind="user",
        id=world.owner.public_id,
        name=world.owner.display_name,
        company_id=world.company.id,
        mode="live",
        ip="203.0.113.9",
        user_agent="Browser/1",
        request_id="req_01m7znkxeeew5sdk7104v5s9qv",
    )


def test_change_leaves_one_row_with_actor_action_time_and_address(world: World) -> None:
    # when
    with tenant_context(world.tenant()):
        services.update_company(
            company=world.company, name="Acme Two", slug=world.company.slug, actor=person(world)
        )
    # then
    with tenant_context(world.tenant()):
        entry = AuditEntry.objects.get(action="company.updated")
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == (
        "user",
        world.owner.public_id,
        world.owner.display_name,
    )
    assert (entry.target_type, entry.target_id) == ("company", world.company.public_id)
    assert (entry.ip, entry.user_agent) == ("203.0.113.9", "Browser/1")
    assert entry.request_id == "req_01m7znkxeeew5sdk7104v5s9qv"
    assert entry.changes == {"name": ["Acme", "Acme Two"]}
    assert entry.mode == "live"
    assert day_of(entry.id) == entry.created.date()


def test_change_that_is_rolled_back_leaves_no_row(world: World) -> None:
    with tenant_context(world.tenant()):
        before = AuditEntry.objects.count()
    with contextlib.suppress(RuntimeError), tenant_context(world.tenant()):
        publish(CompanyUpdated(object_id=world.company.public_id), actor=person(world))
        raise RuntimeError("something after it failed")
    with tenant_context(world.tenant()):
        assert AuditEntry.objects.count() == before


def test_secrets_in_an_event_never_reach_the_trail(world: World) -> None:
    secret = "pm_live_" + "a" * 38
    event = CompanyUpdated(
        object_id=world.company.public_id,
        changes={"note": ["", secret]},
        detail={"metadata": {"token": "gold"}},
    )
    with tenant_context(world.tenant()):
        publish(event, actor=person(world))
        entry = AuditEntry.objects.get(action="company.updated")
    assert entry.changes == {"note": ["", "[redacted]"]}
    assert entry.detail == {"metadata": {"token": "gold"}}


def test_business_terms_are_not_redacted_from_the_trail(world: World) -> None:
    customer = make_customer(world.tenant(), name="Ada")
    with tenant_context(world.tenant()):
        update_customer(
            customer=customer, actor=person(world), name="Basic Consulting", metadata={"token": "gold"}
        )
        entry = AuditEntry.objects.get(action="customer.updated")
    assert entry.changes == {"name": ["Ada", "Basic Consulting"], "metadata": [{}, {"token": "gold"}]}


def test_credential_in_a_user_agent_never_reaches_the_trail(world: World) -> None:
    actor = dataclasses.replace(person(world), user_agent="curl Basic dXNlcjpwYXNz")
    with tenant_context(world.tenant()):
        publish(CompanyUpdated(object_id=world.company.public_id), actor=actor)
        entry = AuditEntry.objects.get(action="company.updated")
    assert entry.user_agent == "curl [redacted]"


def test_the_other_company_and_the_other_mode_see_nothing(world: World) -> None:
    with tenant_context(world.tenant()):
        publish(AuditExported(object_id="entries"), actor=person(world))
    for tenant in (world.tenant("test"), world.other_tenant()):
        with tenant_context(tenant):
            assert not AuditEntry.objects.filter(action="audit.exported").exists()
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM audit_auditentry WHERE action = 'audit.exported'")
                assert cursor.fetchone() == (0,)


def test_company_wide_entries_appear_once_in_both_trails(world: World) -> None:
    with tenant_context(world.tenant("test")):
        publish_all(
            [CompanyUpdated(object_id=world.company.public_id), AuditExported(object_id="entries")],
            actor=person(world),
        )
    counts = {}
    for name, tenant in {
        "test": world.tenant("test"),
        "live": world.tenant(),
        "other": world.other_tenant(),
    }.items():
        with tenant_context(tenant):
            counts[name] = [
                AuditEntry.objects.filter(action=action).count()
                for action in ("company.updated", "audit.exported")
            ]
    assert counts == {"test": [1, 1], "live": [1, 0], "other": [0, 0]}


def test_event_without_a_company_is_for_staff_only(world: World) -> None:
    object_id = f"address_{ids.new_id().hex}"
    with system_context(reason="test"):
        publish_unowned(CompanyUpdated(object_id=object_id), actor=Principal.system("test"))
        assert StaffEntry.objects.filter(target_id=object_id).count() == 1
    with pytest.raises(DatabaseError, match="permission denied"), tenant_context(world.tenant()):
        StaffEntry.objects.filter(target_id=object_id).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET actor_name = 'nobody'",
        "DELETE FROM audit_auditentry",
        "TRUNCATE audit_auditentry",
        "UPDATE audit_staffentry SET actor_name = 'nobody'",
        "DELETE FROM audit_staffentry",
        "DROP TABLE audit_auditentry",
        "ALTER TABLE audit_auditentry DISABLE ROW LEVEL SECURITY",
        "SELECT 1 FROM {partition}",
        "INSERT INTO {partition} SELECT * FROM audit_auditentry LIMIT 1",
        "ALTER TABLE audit_auditentry DETACH PARTITION {partition}",
    ],
)
@pytest.mark.parametrize("role", ["app", "system"])
def test_neither_database_role_can_change_or_bypass_the_trail(
    world: World, role: str, statement: str
) -> None:
    partition = f"audit_auditentry_p{clock.now():%Y%m%d}"
    scope = tenant_context(world.tenant()) if role == "app" else system_context(reason="test")
    with (
        pytest.raises(DatabaseError, match=r"permission denied|must be owner"),
        scope,
        connection.cursor() as c,
    ):
        c.execute(statement.format(partition=partition))


def test_there_is_a_partition_for_each_of_the_coming_thirty_days() -> None:
    assert tables.days_ahead() >= 30
    with system_context(reason="test"):
        assert tables.days_ahead() >= 30


@pytest.fixture
def far_days() -> Iterator[list[date]]:
    """Two days far away, whose partitions are dropped again: which one is the newest is told on /metrics."""
    days = [date(2101, 3, 4), date(2101, 3, 5)]
    yield days
    with connections["owner"].cursor() as cursor:
        for made in tables.list_partitions():
            if made.day in days:
                cursor.execute(f'DROP TABLE "{made.name}"')


def test_missing_partitions_are_created_once(far_days: list[date]) -> None:
    # given
    day = far_days[0]
    # when
    made = [tables.ensure_partitions(far_days) for _ in range(2)]
    # then
    assert made == [2 * len(tables.PARENTS), 0]
    found = {p.name: (p.lower, p.upper) for p in tables.list_partitions() if p.day == day}
    assert found == {f"{parent}_p21010304": day_bounds(day) for parent in tables.PARENTS}


def test_later_partition_has_the_indexes_and_no_default_privileges(far_days: list[date]) -> None:
    tables.ensure_partitions(far_days)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relacl::text, relrowsecurity, (SELECT count(*) FROM pg_index WHERE indrelid = c.oid), "
            "(SELECT count(*) FROM pg_index WHERE indrelid = 'audit_auditentry'::regclass) "
            "FROM pg_class c WHERE relname = 'audit_auditentry_p21010304'"
        )
        rights, has_rls, indexes, parents_indexes = cursor.fetchone()
    assert "app=" not in (rights or "")
    assert "system=" not in (rights or "")
    assert has_rls
    assert indexes == parents_indexes


def test_entry_without_a_partition_is_refused_rather_than_misplaced(world: World) -> None:
    tables.ensure_partitions()
    far = day_bounds(date(2200, 1, 1))[0]
    with pytest.raises(DatabaseError, match="no partition"), tenant_context(world.tenant()):
        AuditEntry.objects.create(
                id=far, action="x.y", actor_kind="system", actor_id="t", actor_name="t", target_type="x",
                target_id="x", user_agent="", request_id="",
            )  # fmt: skip
