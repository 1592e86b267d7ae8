"""BEGIN, savepoints, the tenant and writes without a result are sent with other queries (core.postgres).

Fewer messages, the same transactions.
"""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import DataError, IntegrityError, connection, connections, transaction
from psycopg.pq import TransactionStatus

from apikeys.services import IssuedKey
from billing.models import Customer
from core.models import OutboxEvent
from core.postgres.later import ending_with_next_query
from core.tenancy import system_context, tenant_context
from tests.clients import ApiClient
from tests.factories import World, insert_customer_later, make_customer


class Messages:
    """Counts what the driver waits for: one per round trip to PostgreSQL."""

    def __init__(self) -> None:
        self.count = 0


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> Any:
    counter = Messages()
    wait = psycopg.Connection.wait

    def counted(self: Any, generator: Any, *args: Any, **kwargs: Any) -> Any:
        counter.count += 1
        return wait(self, generator, *args, **kwargs)

    connection.ensure_connection()
    monkeypatch.setattr(psycopg.Connection, "wait", counted)
    return counter


def number_of(tenant: Any) -> Any:
    with tenant_context(tenant):
        return Customer.objects.count()


def add(tenant_name: str = "Ada", **fields: Any) -> Any:
    return Customer.objects.create(name=tenant_name, **fields)


def test_transaction_with_one_query_takes_two_round_trips(world: World, messages: Messages) -> None:
    with tenant_context(world.tenant()):
        Customer.objects.count()
    assert messages.count == 2


def test_transaction_without_a_query_takes_none(world: World, messages: Messages) -> None:
    with tenant_context(world.tenant()), transaction.atomic():
        pass
    assert messages.count == 0


def test_savepoints_cost_no_round_trips(world: World, messages: Messages) -> None:
    with tenant_context(world.tenant()):
        with transaction.atomic():
            with transaction.atomic():
                add()
            add()
        add()
    assert messages.count == 4
    assert number_of(world.tenant()) == 3


def test_inner_failure_rolls_back_only_its_savepoint(world: World) -> None:
    tenant = world.tenant()
    make_customer(tenant, external_id="taken")
    with tenant_context(tenant):
        add("outer")
        with pytest.raises(IntegrityError), transaction.atomic():  # noqa: PT012 - the block is one transaction
            add("inner")
            with transaction.atomic():
                add("innermost", external_id="taken")
        add("after")
    with tenant_context(tenant):
        names = set(Customer.objects.values_list("name", flat=True))
    assert names == {"Ada Lovelace", "outer", "after"}


def test_failure_of_the_very_first_query_leaves_a_usable_transaction(world: World) -> None:
    tenant = world.tenant()
    make_customer(tenant, external_id="taken")
    with tenant_context(tenant):
        with pytest.raises(IntegrityError), transaction.atomic():
            add(external_id="taken")
        add("after")
    assert number_of(tenant) == 2


def test_failure_before_the_query_leaves_keeps_the_transaction_whole(world: World) -> None:
    tenant = world.tenant()
    with pytest.raises(ZeroDivisionError), tenant_context(tenant):  # noqa: PT012 - the block is one transaction
        with pytest.raises((DataError, ValueError)), transaction.atomic():
            add("a\x00b")  # never leaves: the driver cannot write it
        add("after")
        raise ZeroDivisionError
    # Had BEGIN been lost with the failed query, this row would have been committed by itself.
    assert number_of(tenant) == 0


def test_outer_failure_rolls_back_everything(world: World) -> None:
    tenant = world.tenant()
    with pytest.raises(ZeroDivisionError), tenant_context(tenant):  # noqa: PT012 - the block is one transaction
        with transaction.atomic():
            add()
        raise ZeroDivisionError
    assert number_of(tenant) == 0


def test_tenant_scope_is_restored_after_a_savepoint_rollback(world: World) -> None:
    own, other = world.tenant(), world.other_tenant()
    with tenant_context(own):
        add()
        with pytest.raises(ZeroDivisionError), tenant_context(other):  # noqa: PT012 - the block is one transaction
            add("foreign")
            raise ZeroDivisionError
        assert Customer.objects.count() == 1
        with system_context(reason="test of the scope"):
            assert OutboxEvent.objects.count() >= 0
        assert Customer.objects.count() == 1
    assert (number_of(own), number_of(other)) == (1, 0)


def test_on_commit_runs_once_and_after_the_commit(world: World) -> None:
    seen = []
    with tenant_context(world.tenant()):
        add()
        transaction.on_commit(lambda: seen.append(connection.in_atomic_block))
        assert seen == []
    assert seen == [False]


def test_batches_and_server_side_cursors_are_inside_the_transaction_too(world: World) -> None:
    tenant = world.tenant()
    with tenant_context(tenant):
        make_customer(tenant)
        with transaction.atomic():
            assert [row.name for row in Customer.objects.iterator(chunk_size=1)] == ["Ada Lovelace"]
    with pytest.raises(ZeroDivisionError), tenant_context(tenant):  # noqa: PT012 - the block is one transaction
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE billing_customer SET name = %s", [("Eve",), ("Mallory",)])
        raise ZeroDivisionError
    with tenant_context(tenant):
        assert Customer.objects.get().name == "Ada Lovelace"


def names_of(tenant: Any) -> Any:
    with tenant_context(tenant):
        return set(Customer.objects.values_list("name", flat=True))


def test_deferred_inserts_are_sent_with_the_commit(world: World, messages: Messages) -> None:
    with tenant_context(world.tenant()):
        insert_customer_later("one")
        insert_customer_later("two")
        assert messages.count == 0
    assert messages.count == 1
    assert names_of(world.tenant()) == {"one", "two"}


def test_next_query_sees_deferred_inserts(world: World, messages: Messages) -> None:
    with tenant_context(world.tenant()):
        insert_customer_later("100 % sure; it's 'quoted' \\ once")
        assert Customer.objects.get(name__startswith="100 %").name == "100 % sure; it's 'quoted' \\ once"
        assert messages.count == 1


def test_savepoint_rolls_back_only_its_deferred_inserts(world: World) -> None:
    tenant = world.tenant()
    with tenant_context(tenant):
        insert_customer_later("before")
        with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012 - the block is one transaction
            insert_customer_later("inside")
            raise ZeroDivisionError
        with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012 - the block is one transaction
            insert_customer_later("inside, sent")
            assert Customer.objects.count() == 2
            insert_customer_later("inside, waiting")
            raise ZeroDivisionError
        with transaction.atomic():
            insert_customer_later("kept")
        insert_customer_later("after")
    assert names_of(tenant) == {"before", "kept", "after"}


def test_failing_deferred_insert_rolls_back_the_transaction(world: World) -> None:
    tenant = world.tenant()
    make_customer(tenant, external_id="taken")
    with pytest.raises(IntegrityError), tenant_context(tenant):  # noqa: PT012 - the block is one transaction
        add("first")
        insert_customer_later("second", external_id="taken")
        insert_customer_later("third")
    assert names_of(tenant) == {"Ada Lovelace"}
    with tenant_context(tenant):
        insert_customer_later("usable again")
    assert names_of(tenant) == {"Ada Lovelace", "usable again"}


def test_deferred_inserts_keep_their_tenant(world: World) -> None:
    own, other = world.tenant(), world.other_tenant()
    with tenant_context(own):
        insert_customer_later("own")
        with tenant_context(other):
            insert_customer_later("other")
        with system_context(reason="test of the scope"):
            assert OutboxEvent.objects.count() >= 0
        insert_customer_later("own again")
    assert (names_of(own), names_of(other)) == ({"own", "own again"}, {"other"})


def test_on_commit_sees_deferred_inserts(world: World) -> None:
    seen = []
    tenant = world.tenant()
    with tenant_context(tenant):
        insert_customer_later("committed")
        transaction.on_commit(lambda: seen.append(names_of(tenant)))
    assert seen == [{"committed"}]


def test_batch_runs_after_deferred_inserts(world: World) -> None:
    with tenant_context(world.tenant()):
        insert_customer_later("one")
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE billing_customer SET name = %s WHERE name = %s", [("two", "one")])
    assert names_of(world.tenant()) == {"two"}


def test_autocommit_transaction_begins_with_its_first_query() -> None:
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(4711)")
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND granted"
            )
            assert cursor.fetchone() == (1,)
        other.rollback()
    finally:
        other.close()


def read_last() -> Any:
    with ending_with_next_query():
        return [row.name for row in Customer.objects.order_by("name")]


def is_idle() -> Any:
    return connection.connection.pgconn.transaction_status == TransactionStatus.IDLE


def test_read_only_commit_is_sent_with_the_last_query(world: World, messages: Messages) -> None:
    make_customer(world.tenant())
    messages.count = 0
    with tenant_context(world.tenant()):
        assert read_last() == ["Ada Lovelace"]
        assert is_idle()
    assert messages.count == 1


def test_query_after_the_last_one_runs_in_a_new_transaction_with_the_same_scope(
    world: World, messages: Messages
) -> None:
    make_customer(world.tenant())
    make_customer(world.other_tenant(), name="foreign")
    messages.count = 0
    with tenant_context(world.tenant()):
        read_last()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT name FROM billing_customer"
            )  # no manager: the policy alone keeps rows apart
            assert cursor.fetchall() == [("Ada Lovelace",)]
        assert not is_idle()
    assert messages.count == 3


def test_write_after_the_last_query_starts_a_new_transaction(world: World) -> None:
    tenant = world.tenant()
    with pytest.raises(ZeroDivisionError), tenant_context(tenant):  # noqa: PT012 - the block is one transaction
        read_last()
        add("one")
        read_last()
        raise ZeroDivisionError
    assert names_of(tenant) == set()


@pytest.mark.parametrize(
    "act",
    [
        lambda: add("written"),
        lambda: insert_customer_later("waiting"),
        lambda: Customer.objects.select_for_update().first(),
        lambda: connection.cursor().execute("SELECT pg_advisory_xact_lock(4711)"),
    ],
    ids=["a write", "a write that waits", "a lock of rows", "an advisory lock"],
)
def test_commit_after_a_write_or_lock_is_sent_at_the_end(world: World, act: Any) -> None:
    tenant = world.tenant()
    with pytest.raises(ZeroDivisionError), tenant_context(tenant):  # noqa: PT012 - the block is one transaction
        act()
        read_last()
        assert not is_idle()
        raise ZeroDivisionError
    assert names_of(tenant) == set()


def test_commit_after_a_final_write_can_be_sent_with_it(world: World, messages: Messages) -> None:
    tenant = world.tenant()
    messages.count = 0
    with pytest.raises(ZeroDivisionError), tenant_context(tenant):  # noqa: PT012 - the block is one transaction
        insert_customer_later("written")
        with ending_with_next_query(after_writes=True):
            assert [row.name for row in Customer.objects.all()] == ["written"]
        assert is_idle()
        assert messages.count == 1
        raise ZeroDivisionError
    assert names_of(tenant) == {"written"}


def test_commit_is_not_sent_early_inside_a_savepoint(world: World) -> None:
    with tenant_context(world.tenant()):
        with transaction.atomic():
            read_last()
        Customer.objects.count()
        assert not is_idle()


def test_last_query_that_fails_leaves_the_connection_usable(world: World) -> None:
    with pytest.raises(DataError), tenant_context(world.tenant()), ending_with_next_query():
        connection.cursor().execute("SELECT 1 / 0")
    assert number_of(world.tenant()) == 0


def test_api_list_takes_one_postgresql_round_trip(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], messages: Messages
) -> None:
    make_customer(world.tenant())
    client = api(issue_key(world.company, scopes=["customers:read"]).client_secret)
    client.get("/v1/customers")
    messages.count = 0

    answer = client.get("/v1/customers")

    assert [row["name"] for row in answer.json["data"]] == ["Ada Lovelace"]
    assert messages.count == 1
