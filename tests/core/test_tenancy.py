"""Tenant isolation by manager and by row-level security, and the audited exception."""

import uuid
from typing import Any

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction
from django.db.models import Count, QuerySet
from django.test.utils import CaptureQueriesContext

from billing.models import Customer
from core.tenancy import (
    CompanyModel,
    Tenant,
    TenantModel,
    TenantRequired,
    current_scope,
    system_context,
    tenant_context,
)
from tests.factories import World, make_customer


def _names() -> set[str]:
    return set(Customer.objects.values_list("name", flat=True))


def _names_by_sql() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM billing_customer")
        return {row[0] for row in cursor.fetchall()}


def test_query_without_a_tenant_raises_instead_of_returning_everything(world: World) -> None:
    make_customer(world.tenant())
    with pytest.raises(TenantRequired):
        Customer.objects.count()


def test_query_built_without_a_tenant_is_bound_when_it_runs(world: World) -> None:
    """As `queryset = Product.objects.all()` in the body of a view is."""
    written = Customer.objects.exclude(name="nobody")
    own, foreign = (
        make_customer(world.tenant(), name="own"),
        make_customer(world.other_tenant(), name="foreign"),
    )
    make_customer(world.tenant("test"), name="test")

    for tenant, expected in [
        (own.tenant, {"own"}),
        (foreign.tenant, {"foreign"}),
        (world.tenant("test"), {"test"}),
    ]:
        with tenant_context(tenant):
            assert set(written.all().values_list("name", flat=True)) == expected
            assert _names() == expected
            assert (
                set(Customer.objects.filter(id__in=written.values("id")).values_list("name", flat=True))
                == expected
            )
    with system_context(reason="tests"):
        assert written.filter(id__in=[own.id, foreign.id]).count() == 2
    for run in (
        written.all().first,
        written.count,
        written.exists,
        lambda: written.update(name="changed"),
        written.delete,
        lambda: written.aggregate(Count("id")),
        lambda: list(written.union(written)),
        lambda: list(written.raw("SELECT * FROM billing_customer")),
        lambda: written.create(company_id=own.company_id, mode="live", name="smuggled"),
        lambda: written.bulk_create([Customer(company_id=own.company_id, mode="live", name="smuggled")]),
        Customer(company_id=own.company_id, mode="live", name="smuggled").save,
        own.save,
        own.refresh_from_db,
        own.delete,
    ):
        with pytest.raises(TenantRequired):
            run()


def test_sql_without_a_tenant_returns_nothing(world: World) -> None:
    make_customer(world.tenant())
    assert _names_by_sql() == set()


def test_company_and_mode_both_separate(world: World) -> None:
    make_customer(world.tenant("live"), name="live one")
    make_customer(world.tenant("test"), name="test one")
    make_customer(world.other_tenant("live"), name="foreign one")
    for tenant, expected in [
        (world.tenant("live"), {"live one"}),
        (world.tenant("test"), {"test one"}),
        (world.other_tenant("live"), {"foreign one"}),
        (world.other_tenant("test"), set()),
    ]:
        with tenant_context(tenant):
            assert _names() == expected
            assert _names_by_sql() == expected


def test_row_cannot_be_written_into_another_company_or_mode(world: World) -> None:
    for foreign in (
        {"company_id": world.other_company.id, "mode": "live"},
        {"company_id": world.company.id, "mode": "test"},
    ):
        with (
            pytest.raises(ProgrammingError, match="row-level security"),
            tenant_context(world.tenant("live")),
        ):
            Customer.objects.create(name="smuggled", **foreign)
    with tenant_context(world.other_tenant("live")):
        assert _names() == set()


def test_refresh_from_db_of_a_foreign_row_finds_nothing(world: World) -> None:
    mine = make_customer(world.tenant())
    with tenant_context(world.other_tenant()), pytest.raises(Customer.DoesNotExist):
        mine.refresh_from_db()


def test_nested_tenant_context_restores_the_outer_one(world: World) -> None:
    make_customer(world.tenant(), name="mine")
    make_customer(world.other_tenant(), name="theirs")
    with tenant_context(world.tenant()):
        with tenant_context(world.other_tenant()):
            assert _names_by_sql() == {"theirs"}
        assert _names_by_sql() == {"mine"}
        with system_context(reason="a test of nesting"):
            assert {"mine", "theirs"} <= _names_by_sql()
        assert _names_by_sql() == {"mine"}


def test_the_tenant_survives_a_rolled_back_savepoint(world: World) -> None:
    make_customer(world.tenant(), name="mine")
    with tenant_context(world.tenant()):
        savepoint = transaction.savepoint()
        with tenant_context(world.other_tenant()):
            assert _names_by_sql() == set()
        transaction.savepoint_rollback(savepoint)
        assert _names_by_sql() == {"mine"}


def test_error_ends_the_tenant_scope(world: World) -> None:
    with pytest.raises(ZeroDivisionError), tenant_context(world.tenant()):
        raise ZeroDivisionError
    assert current_scope().tenant is None
    assert _names_by_sql() == set()


def test_tenant_context_without_queries_sends_no_sql(world: World) -> None:
    with CaptureQueriesContext(connection) as captured, tenant_context(world.tenant()):
        pass
    # Django notes the transaction's brackets; psycopg sends neither while nothing stands between them.
    assert {query["sql"] for query in captured} <= {"BEGIN", "COMMIT"}


def test_iterating_with_a_server_side_cursor_sees_only_the_tenant(world: World) -> None:
    make_customer(world.tenant(), name="mine")
    make_customer(world.other_tenant(), name="theirs")
    with tenant_context(world.tenant()):
        assert [row.name for row in Customer.objects.iterator(chunk_size=1)] == ["mine"]


def test_system_context_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"), system_context(reason=""):
        pass


def test_unknown_company_sees_nothing(world: World) -> None:
    make_customer(world.tenant())
    with tenant_context(Tenant(uuid.uuid4(), "live")):
        assert _names() == set()


@pytest.mark.parametrize(
    "model", [model for model in apps.get_models() if issubclass(model, TenantModel | CompanyModel)]
)
def test_cached_tenant_filter_matches_djangos(model: type[Any], world: World) -> None:
    for tenant in (world.tenant(), world.other_tenant("test")):
        filters = {"company_id": tenant.company_id}
        if issubclass(model, TenantModel):
            filters["mode"] = tenant.mode
        expected = QuerySet(model).filter(**filters)
        with tenant_context(tenant):
            written = model.objects.all()

        assert str(written.query) == str(expected.query)
        assert str(written.exclude(id=uuid.UUID(int=1)).order_by("id").query) == str(
            expected.exclude(id=uuid.UUID(int=1)).order_by("id").query
        )


def test_query_keeps_the_tenant_it_was_built_for(world: World) -> None:
    """Its own values are put into a copy: no other query of the model may change them."""
    make_customer(world.tenant(), name="own")
    make_customer(world.other_tenant(), name="foreign")
    with tenant_context(world.tenant()):
        written = Customer.objects.all()
    with tenant_context(world.other_tenant()):
        assert _names() == {"foreign"}
        # The second wall: the row-level security of the tenant of now lets nothing of the former one through.
        assert set(written.values_list("name", flat=True)) == set()
    with tenant_context(world.tenant()):
        assert set(written.values_list("name", flat=True)) == {"own"}
