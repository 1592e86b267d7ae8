"""Bulk inserts by one statement: rows are stored unchanged, and only in the current tenant."""

from typing import Any

import pytest
from django.db import DataError, ProgrammingError

from billing.models import Customer
from core import clock
from core.models import IdempotencyRecord, OutboxEvent
from core.postgres.rows import insert_row, insert_rows, update_rows
from core.tenancy import TenantRequired, system_context, tenant_context
from core.values import ids
from messaging.models import Suppression
from tests.factories import World

ONCE = "billing_customer_external_id"


def outbox_row(object_id: Any, **fields: Any) -> Any:
    return {"type": "test.happened", "object_id": object_id, "data": {}, "public": True} | fields


def rows_of(tenant: Any) -> Any:
    with tenant_context(tenant):
        return list(OutboxEvent.objects.filter(type="test.happened").order_by("id"))


@pytest.mark.parametrize("together", [True, False], ids=["one statement", "one for each"])
def test_rows_are_copied_unchanged(world: World, *, together: bool) -> None:
    text = "'; DROP -- \\ \" % %s ü 😀\n"
    data = {"object": {"text": text, "n": 2**62, "none": None, "list": [1, {"a": True}]}}
    given = data | {7: OutboxEvent.Modes.LIVE, OutboxEvent.Modes.TEST: (1, 2)}
    before = clock.now()

    with tenant_context(world.tenant()):
        rows = [
            outbox_row(text, data=given, relayed_at=None),
            outbox_row("two", public=False, relayed_at=before),
        ]
        for part in [rows] if together else [[row] for row in rows]:
            insert_rows(OutboxEvent, part)

    first, second = rows_of(world.tenant())
    data |= {"7": "live", "test": [1, 2]}
    assert (first.object_id, first.data, first.public) == (text, data, True)
    assert (second.object_id, second.data, second.public) == ("two", {}, False)
    assert (first.company_id, first.mode) == (world.company.id, "live")
    assert before <= first.created <= clock.now()
    assert first.id.version == 7
    # Filled in by the database.
    assert 0 < first.sequence < second.sequence
    assert (first.position, first.relayed_at) == (None, None)


def test_rows_may_set_their_own_id_and_time(world: World) -> None:
    row_id, moment = ids.new_id(), clock.now().replace(year=2020)

    with tenant_context(world.tenant()):
        insert_rows(OutboxEvent, [outbox_row("one", id=row_id, created=moment)])

    [row] = rows_of(world.tenant())
    assert (row.id, row.created) == (row_id, moment)


def test_nothing_is_written_without_a_tenant(world: World) -> None:
    with pytest.raises(TenantRequired):
        insert_rows(OutboxEvent, [outbox_row("one")])
    with system_context(reason="tests"), pytest.raises(TenantRequired):
        insert_rows(OutboxEvent, [outbox_row("one")])

    assert rows_of(world.tenant()) == []


@pytest.mark.parametrize("foreign", ["company_id", "mode"])
def test_the_database_refuses_another_tenants_rows(world: World, foreign: str) -> None:
    value = world.other_company.id if foreign == "company_id" else "test"

    with pytest.raises(ProgrammingError, match="row-level security"), tenant_context(world.tenant()):
        insert_rows(OutboxEvent, [outbox_row("mine"), outbox_row("theirs", **{foreign: value})])

    assert rows_of(world.tenant()) == []
    assert rows_of(world.other_tenant()) == []


def test_text_that_is_too_long_is_refused_rather_than_truncated(world: World) -> None:
    with pytest.raises(DataError), tenant_context(world.tenant()):
        insert_rows(OutboxEvent, [outbox_row("x" * 65)])

    assert rows_of(world.tenant()) == []


def test_conflicting_rows_are_skipped_only_on_request(world: World) -> None:
    def row(address: Any) -> Any:
        return {
            "channel": "email",
            "address": address,
            "address_normalized": address,
            "origin": "manual",
            "note": "",
        }

    with tenant_context(world.tenant()):
        insert_rows(Suppression, [row("a@example.com")])
        insert_rows(Suppression, [row("a@example.com"), row("b@example.com")], ignore_conflicts=True)
        insert_rows(Suppression, [])

        found = Suppression.objects.order_by("address").values_list("address", flat=True)
        assert list(found) == ["a@example.com", "b@example.com"]


def test_binary_values_are_copied_unchanged(world: World) -> None:
    every_byte = bytes(range(256))
    record = {"key": "k", "status": 201, "headers": {}, "expires": clock.now()}

    with tenant_context(world.tenant()):
        insert_rows(IdempotencyRecord, [{**record, "fingerprint": b"", "body": every_byte}])

        found = IdempotencyRecord.objects.get(key="k")
        assert (bytes(found.fingerprint), bytes(found.body)) == (b"", every_byte)


def test_refused_row_leaves_the_transaction_unchanged(world: World) -> None:
    first, second = (Customer(name=name, external_id="once") for name in ("first", "second"))

    with tenant_context(world.tenant()):
        assert (insert_row(first, unless=ONCE), insert_row(second, unless=ONCE)) == (True, False)
        assert [row.name for row in Customer.objects.all()] == ["first"]
    with tenant_context(world.tenant("test")):
        assert insert_row(Customer(name="of another mode", external_id="once"), unless=ONCE)

    # What the database would have filled in is known, and the row can be saved again.
    assert (first.mode, first.preferred_language, first.tax_ids) == ("live", "", [])
    with tenant_context(world.tenant()):
        first.name = "renamed"
        first.save()
        assert Customer.objects.get().name == "renamed"


@pytest.mark.parametrize("together", [True, False], ids=["one statement", "one for each"])
def test_rows_are_overwritten_in_the_own_tenant_only(world: World, *, together: bool) -> None:
    moment = clock.now()
    ours, foreign = [ids.new_id(), ids.new_id()], ids.new_id()
    with tenant_context(world.tenant()):
        insert_rows(OutboxEvent, [outbox_row("before", id=one) for one in ours])
    with tenant_context(world.other_tenant()):
        insert_rows(OutboxEvent, [outbox_row("before", id=foreign)])
    changes = [{"id": one, "object_id": "it's", "data": {"n": [None]}, "created": moment} for one in ours]

    with tenant_context(world.tenant()):
        update_rows(OutboxEvent, [])
        for some in [[*changes, {**changes[0], "id": foreign}]] if together else [[one] for one in changes]:
            update_rows(OutboxEvent, some)
        if not together:
            update_rows(OutboxEvent, [{**changes[0], "id": foreign}])

    assert [(row.object_id, row.data, row.created) for row in rows_of(world.tenant())] == [
        ("it's", {"n": [None]}, moment)
    ] * 2
    assert [row.object_id for row in rows_of(world.other_tenant())] == ["before"]
    with pytest.raises(TenantRequired):
        update_rows(OutboxEvent, changes)
