"""An invoice from draft to paid: its allowed states, enforced by the database."""

from datetime import date

import pytest
from django.db import IntegrityError, connection, transaction

from billing import services
from billing.models import Invoice, InvoiceLine
from billing.services.errors import (
    ChargeExceedsAmountDue,
    ChargeNotRefundable,
    InvoiceEmpty,
    InvoiceHasPayments,
    InvoiceNotDraft,
    InvoiceNotOpen,
    RefundExceedsCharge,
)
from core.tenancy import tenant_context
from tests.billing.factories import LINE, make_charge, make_invoice
from tests.factories import SYSTEM, World, make_customer
from tests.sandbox import SandboxProcess


def fresh(invoice: Invoice) -> Invoice:
    with tenant_context(invoice.tenant):
        return Invoice.objects.get(id=invoice.id)


def test_totals_are_the_sums_of_the_lines(world: World) -> None:
    lines = [
        {"description": "A", "quantity": 3, "unit_amount": 333, "tax_rate_bps": 1_900, "discount_amount": 9},
        {"description": "B", "quantity": 1, "unit_amount": 50, "tax_rate_bps": 100},
    ]
    invoice = fresh(make_invoice(world.tenant(), lines=lines))
    # 990 at 19 % is 188.1 → 188; 50 at 1 % is 0.5 → 1, half up.
    assert (invoice.subtotal, invoice.tax, invoice.total) == (1_040, 189, 1_229)
    assert invoice.status == "draft"
    assert invoice.number is None


def test_finalizing_numbers_the_invoice_and_freezes_the_customer(world: World) -> None:
    tenant = world.tenant()
    customer = make_customer(tenant)
    first = make_invoice(tenant, customer=customer, finalize=True)
    second = make_invoice(tenant, customer=customer, finalize=True)
    test_mode = make_invoice(world.tenant("test"), finalize=True)
    assert [first.number, second.number, test_mode.number] == ["INV-000001", "INV-000002", "TEST-000001"]
    with tenant_context(tenant):
        services.update_customer(customer=customer, actor=SYSTEM, name="Renamed")
        services.delete_customer(customer=customer, actor=SYSTEM)
        assert Invoice.objects.get(id=first.id).billed_to["name"] == "Ada Lovelace"


def test_empty_draft_is_not_finalized_and_takes_no_number(world: World) -> None:
    empty = make_invoice(world.tenant(), lines=[])
    with pytest.raises(InvoiceEmpty), tenant_context(world.tenant()):
        services.finalize_invoice(invoice=empty, actor=SYSTEM)
    assert fresh(empty).status == "draft"
    assert make_invoice(world.tenant(), finalize=True).number == "INV-000001"


def test_zero_total_invoice_is_paid_immediately(world: World) -> None:
    free = make_invoice(world.tenant(), lines=[{**LINE, "unit_amount": 0}], finalize=True)
    assert (fresh(free).status, fresh(free).total) == ("paid", 0)


def test_finalized_invoice_is_not_edited_deleted_or_finalized_again(world: World) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    with tenant_context(world.tenant()):
        for attempt in (
            lambda: services.update_invoice(invoice=invoice, actor=SYSTEM, due_date=date(2027, 1, 1)),
            lambda: services.delete_invoice(invoice=invoice, actor=SYSTEM),
            lambda: services.finalize_invoice(invoice=invoice, actor=SYSTEM),
        ):
            with pytest.raises(InvoiceNotDraft):
                attempt()


def test_charges_pay_an_invoice_in_parts(world: World, gateway: SandboxProcess) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    make_charge(world.tenant(), invoice=invoice, amount=900)
    assert (fresh(invoice).status, fresh(invoice).amount_paid, fresh(invoice).amount_due) == (
        "open",
        900,
        11_000,
    )
    declined = make_charge(world.tenant(), invoice=invoice, payment_method="card_declined")
    assert (declined.status, declined.failure_code, declined.amount) == ("failed", "card_declined", 11_000)
    with pytest.raises(InvoiceHasPayments), tenant_context(world.tenant()):
        services.void_invoice(invoice=invoice, actor=SYSTEM)
    with pytest.raises(ChargeExceedsAmountDue):
        make_charge(world.tenant(), invoice=invoice, amount=11_001)
    make_charge(world.tenant(), invoice=invoice)
    assert (fresh(invoice).status, fresh(invoice).amount_due) == ("paid", 0)
    with pytest.raises(InvoiceNotOpen):
        make_charge(world.tenant(), invoice=invoice, amount=1)


def test_pending_charges_count_against_the_amount_due(world: World) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    make_charge(world.tenant(), invoice=invoice, amount=11_000, settle=False)
    with pytest.raises(ChargeExceedsAmountDue) as refusal:
        make_charge(world.tenant(), invoice=invoice, amount=901, settle=False)
    assert refusal.value.facts == {"amount_chargeable": 900}
    for step in (services.void_invoice, services.mark_uncollectible):
        with pytest.raises(InvoiceHasPayments), tenant_context(world.tenant()):
            step(invoice=invoice, actor=SYSTEM)


def test_refunds_never_exceed_the_charge(world: World, gateway: SandboxProcess) -> None:
    charge = make_charge(world.tenant())
    with tenant_context(world.tenant()):
        services.create_refund(charge=charge, actor=SYSTEM, amount=2_000)
        services.create_refund(charge=charge, actor=SYSTEM, amount=1_000)
        with pytest.raises(RefundExceedsCharge) as refusal:
            services.create_refund(charge=charge, actor=SYSTEM, amount=2_001)
        assert refusal.value.facts == {"amount_refundable": 2_000}
        rest = services.create_refund(charge=charge, actor=SYSTEM, full=True)
        assert rest.amount == 2_000
    services.complete_payments()
    with tenant_context(world.tenant()):
        charge.refresh_from_db()
        assert (charge.amount_refunded, charge.amount_refund_pending) == (5_000, 0)
    taken = gateway.ledger(charge.gateway_key)
    given = [entry for entry in gateway.ledger() if entry["charge"] == taken[0]["id"]]
    assert sorted(entry["amount"] for entry in given) == [1_000, 2_000, 2_000]


def test_declined_refund_makes_the_amount_refundable_again(world: World, gateway: SandboxProcess) -> None:
    charge = make_charge(world.tenant())
    with tenant_context(world.tenant()):
        refund = services.create_refund(charge=charge, actor=SYSTEM, amount=4_002)
    services.complete_payments()
    with tenant_context(world.tenant()):
        refund.refresh_from_db()
        charge.refresh_from_db()
        assert (refund.status, refund.failure_code) == ("failed", "refund_declined")
        assert (charge.amount_refunded, charge.amount_refundable) == (0, 5_000)


def test_failed_or_pending_charge_is_not_refunded(world: World, gateway: SandboxProcess) -> None:
    for charge in (
        make_charge(world.tenant(), payment_method="card_insufficient_funds"),
        make_charge(world.tenant(), settle=False),
    ):
        with pytest.raises(ChargeNotRefundable), tenant_context(world.tenant()):
            services.create_refund(charge=charge, actor=SYSTEM, full=True)


# --- refused by the database, whoever writes -------------------------------------------------------------------------


def refused(statement: str, invoice: Invoice) -> str:
    """Run `statement` with the invoice's ID in the tenant; return the name of the violated constraint."""
    with (
        pytest.raises(IntegrityError) as refusal,
        tenant_context(invoice.tenant),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, {"id": invoice.id})
    return str(refusal.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "UPDATE billing_invoice SET total = total + 1, tax = tax + 1 WHERE id = %(id)s",
            "billing_invoice_immutable",
        ),
        ("UPDATE billing_invoice SET due_date = '2030-01-01' WHERE id = %(id)s", "billing_invoice_immutable"),
        ("UPDATE billing_invoice SET number = 'INV-9' WHERE id = %(id)s", "billing_invoice_immutable"),
        ("UPDATE billing_invoice SET currency = 'USD' WHERE id = %(id)s", "billing_invoice_immutable"),
        (
            "UPDATE billing_invoice SET metadata = '{}', billed_to = NULL WHERE id = %(id)s",
            "billing_invoice_immutable",
        ),
        ("UPDATE billing_invoice SET status = 'draft' WHERE id = %(id)s", "billing_invoice_life_cycle"),
        ("UPDATE billing_invoice SET amount_paid = 1 WHERE id = %(id)s", "billing_invoice_charges"),
        (
            "UPDATE billing_invoice SET amount_paid = total + 1 WHERE id = %(id)s",
            "billing_invoice_never_overpaid",
        ),
        ("DELETE FROM billing_invoice WHERE id = %(id)s", "billing_invoice_immutable"),
        ("DELETE FROM billing_invoiceline WHERE invoice_id = %(id)s", "billing_invoice_immutable"),
        (
            "UPDATE billing_invoiceline SET description = 'x' WHERE invoice_id = %(id)s",
            "billing_invoice_immutable",
        ),
        ("UPDATE billing_invoicecounter SET last_number = last_number + 2", "billing_invoicecounter_steps"),
        ("DELETE FROM billing_invoicecounter", "billing_invoicecounter_steps"),
    ],
)
def test_finalized_invoice_is_immutable_in_the_database(
    world: World, statement: str, constraint: str
) -> None:
    assert refused(statement, make_invoice(world.tenant(), finalize=True)) == constraint


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "UPDATE billing_invoice SET subtotal = subtotal + 1, total = total + 1 WHERE id = %(id)s",
            "billing_invoice_totals",
        ),
        ("UPDATE billing_invoice SET total = total + 1 WHERE id = %(id)s", "billing_invoice_amounts"),
        ("DELETE FROM billing_invoiceline WHERE invoice_id = %(id)s", "billing_invoice_totals"),
        (
            "UPDATE billing_invoiceline SET amount = amount - 1 WHERE invoice_id = %(id)s",
            "billing_invoiceline_amount",
        ),
        ("UPDATE billing_invoiceline SET tax = tax - 1 WHERE invoice_id = %(id)s", "billing_invoice_totals"),
        (
            "UPDATE billing_invoice SET status = 'open', sequence = 7, number = 'INV-7', finalized_at = now() WHERE id = %(id)s",
            "billing_invoice_next_number",
        ),
    ],
)
def test_draft_totals_are_enforced_in_the_database(world: World, statement: str, constraint: str) -> None:
    assert refused(statement, make_invoice(world.tenant())) == constraint


def test_settled_charge_is_immutable_in_the_database(world: World, gateway: SandboxProcess) -> None:
    charge = make_charge(world.tenant())
    for statement, constraint in (
        ("UPDATE billing_charge SET amount = 1 WHERE id = %s", "billing_charge_immutable"),
        ("UPDATE billing_charge SET gateway_reference = 'x' WHERE id = %s", "billing_charge_immutable"),
        ("UPDATE billing_charge SET amount_refunded = 1 WHERE id = %s", "billing_charge_refunds"),
        (
            "UPDATE billing_charge SET amount_refunded = amount + 1 WHERE id = %s",
            "billing_charge_never_overrefunded",
        ),
        ("DELETE FROM billing_charge WHERE id = %s", "billing_charge_immutable"),
    ):
        with (
            pytest.raises(IntegrityError) as refusal,
            tenant_context(world.tenant()),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, [charge.id])
        assert refusal.value.__cause__.diag.constraint_name == constraint  # type: ignore[union-attr]


def test_totals_are_checked_after_switching_tenant_in_the_transaction(world: World) -> None:
    invoice = make_invoice(world.tenant())

    def break_the_sum_and_move_on() -> None:
        with transaction.atomic():
            with tenant_context(world.tenant()):
                InvoiceLine.objects.filter(invoice=invoice).delete()
            with tenant_context(world.other_tenant()):
                assert Invoice.objects.count() == 0

    with pytest.raises(IntegrityError):
        break_the_sum_and_move_on()
