"""An error of a pipelined statement names that statement, not the ones sent with it."""

import pytest
from django.db import DataError, IntegrityError, connection

from core.postgres.later import send_later
from core.tenancy import tenant_context
from tests.factories import World, insert_customer_later, make_customer


def test_pipelined_write_refused_by_a_constraint_is_named_without_values(world: World) -> None:
    tenant = world.tenant()
    make_customer(tenant, external_id="taken")

    with pytest.raises(IntegrityError) as refused, tenant_context(tenant):  # noqa: PT012 - the block is one transaction
        insert_customer_later(external_id="taken")
        connection.cursor().execute('SELECT 1 FROM "apikeys_apikey"')

    assert refused.value.__notes__ == ['The statement that failed: INSERT INTO "billing_customer"']


def test_ambiguous_pipeline_failure_names_all_statements(world: World) -> None:
    with pytest.raises(DataError) as refused, tenant_context(world.tenant()):  # noqa: PT012
        send_later("SELECT 1 / %s", [0])
        connection.cursor().execute('SELECT 1 FROM "billing_customer"')

    note = (
        "One of these failed (DATABASE_STATEMENTS_APART=1 sends each by itself): "
        "BEGIN; SELECT set_config; SELECT; SELECT"
    )
    assert refused.value.__notes__ == [note]


def test_unpipelined_write_fails_where_it_is_made(world: World) -> None:
    tenant = world.tenant()
    make_customer(tenant, external_id="taken")
    connection.sends_apart = True  # type: ignore[attr-defined]
    made = []
    try:
        with pytest.raises(IntegrityError) as refused, tenant_context(tenant):  # noqa: PT012
            insert_customer_later(external_id="taken")
            made.append("and went on")
    finally:
        connection.sends_apart = False  # type: ignore[attr-defined]
    assert (made, hasattr(refused.value, "__notes__")) == ([], False)
