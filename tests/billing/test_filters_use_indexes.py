"""Every documented billing filter uses an index under the app role and row-level security (docs/architecture.md, Tenancy)."""

import re

import pytest
from django.db import connection, connections
from django.http import QueryDict

from billing import selectors
from billing.api.filters import (
    ChargeFilter,
    CreditNoteFilter,
    CustomerFilter,
    InvoiceFilter,
    PaymentFilter,
    RefundFilter,
)
from core.postgres.orders import NEWEST
from core.tenancy import Tenant, tenant_context
from tests.billing.factories import (
    make_credit_note,
    make_invoice,
    make_payment,
    make_refund,
    make_settled_charge,
)
from tests.factories import make_customer, make_world

ROWS = 20_000

LISTS = {
    "customers": (CustomerFilter, selectors.list_customers),
    "invoices": (InvoiceFilter, selectors.list_invoices),
    "charges": (ChargeFilter, selectors.list_charges),
    "refunds": (RefundFilter, selectors.list_refunds),
    "payments": (PaymentFilter, selectors.list_payments),
    "credit_notes": (CreditNoteFilter, selectors.list_credit_notes),
}


@pytest.fixture(scope="module")
def crowded() -> tuple[Tenant, dict[str, str]]:
    """A tenant with many rows, and the values to filter by."""
    tenant = make_world().tenant()
    customer = make_customer(
        tenant, name="Needle", email="needle@example.com", external_id="needle", metadata={"needle": "yes"}
    )
    invoice = make_invoice(tenant, customer=customer, finalize=True, external_id="needle")
    refund = make_refund(tenant, charge=make_settled_charge(tenant, invoice=invoice))
    credited = make_invoice(tenant, customer=customer, finalize=True)
    make_credit_note(tenant, invoice=credited)
    make_payment(tenant, invoice=credited)
    with connections["owner"].cursor() as cursor:
        # As the owner, bypassing the services, which would take minutes for twenty thousand rows.
        cursor.execute(
            "INSERT INTO billing_customer (id, company_id, mode, created, name, email, email_normalized, phone, metadata, updated)"
            " SELECT uuidv7(make_interval(secs => -n)), company_id, mode, now() - make_interval(secs => n), 'Hay ' || n,"
            " n || '@example.com', n || '@example.com', '', '{}', now()"
            " FROM billing_customer, generate_series(1, %s) n WHERE id = %s",
            [ROWS, customer.id],
        )
        for table, columns, values in (
            ("billing_customersearchword", "word", "'hay' || right(customer.id::text, 6)"),
            ("billing_customermetadata", "key, value", "'hay', right(customer.id::text, 6)"),
        ):
            cursor.execute(
                f"INSERT INTO {table} (id, company_id, mode, created, customer_id, {columns})"
                f" SELECT uuidv7(), company_id, mode, created, id, {values} FROM billing_customer customer"
                " WHERE company_id = %s AND mode = 'live' AND id <> %s",
                [tenant.company_id, customer.id],
            )
        cursor.execute(
            "INSERT INTO billing_invoice (id, company_id, mode, created, customer_id, status, currency, metadata, subtotal,"
            " tax, total, amount_paid, amount_pending, updated, due_date)"
            " SELECT uuidv7(make_interval(secs => -extract(epoch FROM now() - created)::int)), company_id, mode, created, id,"
            " 'draft', 'EUR', '{}', 0, 0, 0, 0, 0, now(), '2020-01-01'"
            " FROM billing_customer WHERE company_id = %s AND mode = 'live' AND id <> %s",
            [tenant.company_id, customer.id],
        )
        cursor.execute(
            "INSERT INTO billing_charge (id, company_id, mode, created, customer_id, status, amount, currency, payment_method,"
            " metadata, failure_code, failure_message, gateway, gateway_reference, attempts, updated, settled_at,"
            " amount_refunded, amount_refund_pending)"
            " SELECT uuidv7(make_interval(secs => -extract(epoch FROM now() - created)::int)), company_id, mode, created, id,"
            " 'failed', 1, 'EUR', 'card_declined', '{}', 'card_declined', '', 'sandbox', '', 1, now(), now(), 0, 0"
            " FROM billing_customer WHERE company_id = %s AND mode = 'live' AND id <> %s",
            [tenant.company_id, customer.id],
        )
        cursor.execute("ANALYZE")
        # The triggers do not concern these rows, and would take minutes for so many.
        others = ("billing_refund", "billing_offplatformpayment", "billing_creditnote")
        for table in others:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(
            "INSERT INTO billing_refund (id, company_id, mode, created, charge_id, status, amount, failure_code,"
            " failure_message, gateway, gateway_reference, attempts, updated, settled_at)"
            " SELECT uuidv7(make_interval(secs => -extract(epoch FROM now() - created)::int)), company_id, mode, created, id,"
            " 'failed', 1, 'declined', '', 'sandbox', '', 1, now(), now()"
            " FROM billing_charge WHERE company_id = %s AND status = 'failed'",
            [tenant.company_id],
        )
        cursor.execute(
            "INSERT INTO billing_offplatformpayment (id, company_id, mode, created, invoice_id, method, amount, paid_at,"
            " reference, metadata, undone_at, undo_reason, updated)"
            " SELECT uuidv7(make_interval(secs => -extract(epoch FROM now() - created)::int)), company_id, mode, created, id,"
            " 'cash', 1, now(), '', '{}', now(), 'x', now()"
            " FROM billing_invoice WHERE company_id = %s AND status = 'draft'",
            [tenant.company_id],
        )
        cursor.execute(
            "INSERT INTO billing_creditnote (id, company_id, mode, created, invoice_id, status, sequence, number, reason, memo,"
            " metadata, seller, billed_to, subtotal, tax, total, pre_payment_amount, post_payment_amount, voided_at,"
            " void_reason, updated)"
            " SELECT uuidv7(make_interval(secs => -extract(epoch FROM now() - created)::int)), company_id, mode, created, id,"
            " 'void', n, 'HAY-' || n, '', '', '{}', '{}', '{}', 1, 0, 1, 1, 0, now(), '', now()"
            " FROM (SELECT *, 1000 + row_number() OVER () AS n FROM billing_invoice) invoice"
            " WHERE company_id = %s AND status = 'draft'",
            [tenant.company_id],
        )
        for table in others:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("ANALYZE")
    return tenant, {
        "customer": customer.public_id,
        "invoice": invoice.public_id,
        "credited": credited.public_id,
        "charge": refund.charge.public_id,
    }


FILTERS = {
    "customers": (
        "email=needle@example.com", "external_id=needle", "metadata_key=needle", "metadata_key=needle&metadata_value=yes",
        "search=needle", "search=need", "created_before={long_ago}", "created_after={soon}",
    ),
    "invoices": (
        "customer={customer}", "status=paid", "status=paid&expand=lines", "number=INV-000001", "external_id=needle", "due_after=2026-01-01",
        "due_before=2019-01-01", "created_before={long_ago}", "created_after={soon}", "overdue=true", "overdue=false",
    ),
    "charges": (
        "customer={customer}", "invoice={invoice}", "status=succeeded", "created_before={long_ago}", "created_after={soon}",
    ),
    "refunds": ("charge={charge}", "status=pending", "created_before={long_ago}", "created_after={soon}"),
    "payments": ("invoice={credited}", "created_before={long_ago}", "created_after={soon}"),
    "credit_notes": (
        "invoice={credited}", "status=issued", "status=issued&expand=lines", "number=CN-000001", "created_before={long_ago}", "created_after={soon}",
    ),
}  # fmt: skip
MOMENTS = {"long_ago": "2001-01-01T00:00:00Z", "soon": "2099-01-01T00:00:00Z"}


def test_every_filter_is_covered() -> None:
    for name, (filterset, _) in LISTS.items():
        tried = {part.partition("=")[0] for query in FILTERS[name] for part in query.split("&")}
        assert tried == set(filterset.base_filters)


@pytest.mark.parametrize(("name", "query"), [(name, query) for name in FILTERS for query in FILTERS[name]])
def test_filters_use_indexes(crowded: tuple[Tenant, dict[str, str]], name: str, query: str) -> None:
    tenant, needles = crowded
    filterset, rows = LISTS[name]
    with tenant_context(tenant):
        bound = filterset(QueryDict(query.format(**needles, **MOMENTS)), queryset=rows())
        assert bound.is_valid(), bound.errors
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == ("app",)
        plan = bound.qs.order_by(NEWEST)[:21].explain(analyze=True, buffers=False)
    assert "Seq Scan" not in plan, plan
    read = sum(int(float(number)) for number in re.findall(r"actual time=\S+ rows=([\d.]+)", plan))
    dropped = sum(int(number) for number in re.findall(r"Rows Removed by Filter: (\d+)", plan))
    assert read + dropped < 500, plan
