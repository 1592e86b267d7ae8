"""Concurrency: numbers without gaps, refunds within the charge, and each order sent to the gateway once."""

from collections import Counter

from pytest_django import Settings

from billing import services
from billing.gateways import Outcome
from billing.models import (
    Charge,
    Customer,
    CustomerMetadata,
    CustomerSearchWord,
    Invoice,
    InvoiceCounter,
    Refund,
)
from billing.services.charges import settle_charge
from billing.services.errors import ChargeExceedsAmountDue, InvoiceNotDraft, RefundExceedsCharge
from billing.services.refunds import settle_refund
from core.errors import NotFound
from core.models import OutboxEvent
from core.postgres.locks import PAYMENT_LOCKS, TIER_LOCKS
from core.tenancy import system_context, tenant_context
from tests.billing.factories import make_charge, make_invoice, make_settled_charge
from tests.factories import SYSTEM, World, make_customer
from tests.locks import locks_seen
from tests.sandbox import SandboxProcess
from tests.threads import all_at_once


def test_twenty_concurrent_customer_updates_keep_search_consistent(world: World) -> None:
    tenant = world.tenant()
    customer = make_customer(tenant, metadata={"turn": "none"})

    def change(number: int) -> Customer:
        with tenant_context(tenant):
            return services.update_customer(
                customer=customer, actor=SYSTEM, name=f"Ada {number}", metadata={"turn": str(number)}
            )

    assert {type(result) for result in all_at_once(20, change)} == {Customer}
    with tenant_context(tenant):
        found = Customer.objects.get()
        assert list(CustomerMetadata.objects.values_list("key", "value")) == list(found.metadata.items())
        words = set(CustomerSearchWord.objects.values_list("word", flat=True))
    assert words == set(found.name.lower().split())


def test_customer_deleted_concurrently_is_deleted_once(world: World) -> None:
    tenant = world.tenant()
    customer = make_customer(tenant)

    def delete(_number: int) -> None:
        with tenant_context(tenant):
            services.delete_customer(customer=customer, actor=SYSTEM)

    kinds = Counter(type(result) for result in all_at_once(8, delete))
    assert kinds == {type(None): 1, NotFound: 7}
    with tenant_context(tenant):
        assert OutboxEvent.objects.filter(type="customer.deleted").count() == 1


def test_fifty_concurrent_finalizations_leave_no_gap(world: World) -> None:
    tenant = world.tenant()
    invoices = [make_invoice(tenant) for _ in range(50)]

    def finalize(number: int) -> Invoice:
        with tenant_context(tenant):
            return services.finalize_invoice(invoice=invoices[number], actor=SYSTEM)

    done = all_at_once(50, finalize)
    assert sorted(invoice.number for invoice in done) == [f"INV-{number:06d}" for number in range(1, 51)]
    with tenant_context(tenant):
        assert InvoiceCounter.objects.get().last_number == 50
        assert Invoice.objects.filter(status="open").count() == 50


def test_fifty_concurrent_finalizations_of_one_draft_number_it_once(world: World) -> None:
    tenant = world.tenant()
    draft = make_invoice(tenant)

    def finalize(_number: int) -> Invoice:
        with tenant_context(tenant):
            return services.finalize_invoice(invoice=draft, actor=SYSTEM)

    kinds = Counter(type(result) for result in all_at_once(50, finalize))
    assert kinds == {Invoice: 1, InvoiceNotDraft: 49}
    with tenant_context(tenant):
        assert InvoiceCounter.objects.get().last_number == 1


def test_twenty_concurrent_refunds_never_exceed_the_charge(world: World) -> None:
    tenant = world.tenant()
    charge = make_settled_charge(tenant, amount=1_000)

    def refund(_number: int) -> Refund:
        with tenant_context(tenant):
            return services.create_refund(charge=charge, actor=SYSTEM, amount=150)

    kinds = Counter(type(result) for result in all_at_once(20, refund))
    assert kinds == {Refund: 6, RefundExceedsCharge: 14}
    with tenant_context(tenant):
        found = Charge.objects.get(id=charge.id)
        assert (found.amount_refund_pending, found.amount_refundable) == (900, 100)


def test_twenty_concurrent_charges_never_exceed_the_invoice(world: World) -> None:
    tenant = world.tenant()
    invoice = make_invoice(tenant, finalize=True)

    def pay(_number: int) -> Charge:
        with tenant_context(tenant):
            return services.create_charge(
                actor=SYSTEM, invoice=invoice, payment_method="card_success", amount=2_000
            )

    kinds = Counter(type(result) for result in all_at_once(20, pay))
    assert kinds == {Charge: 5, ChargeExceedsAmountDue: 15}
    with tenant_context(tenant):
        assert Invoice.objects.get(id=invoice.id).amount_pending == 10_000


def test_eight_workers_send_each_charge_to_the_gateway_once(
    world: World, gateway: SandboxProcess, settings: Settings
) -> None:
    settings.GATEWAY_TIMEOUT_SECONDS = (
        60.0  # forty orders at once, each written to disk: slow disks need time
    )
    tenant = world.tenant()
    charges = [make_charge(tenant, settle=False) for _ in range(40)]

    all_at_once(8, lambda _number: services.complete_payments())

    with tenant_context(tenant):
        settled = Charge.objects.in_bulk([charge.id for charge in charges])
    assert {charge.status for charge in settled.values()} == {"succeeded"}
    entries = Counter(entry["key"] for entry in gateway.ledger())
    assert [entries[charge.gateway_key] for charge in charges] == [1] * 40
    assert {charge.attempts for charge in settled.values()} == {1}


def test_rows_of_a_payment_are_locked_in_a_consistent_order(world: World) -> None:
    """As in core.postgres.locks: the invoice first, whatever the operation."""
    tenant = world.tenant()
    draft = make_invoice(tenant)
    done = Outcome(succeeded=True, reference="made-up")
    orders = []
    with tenant_context(tenant):
        with locks_seen(PAYMENT_LOCKS) as locked:
            invoice = services.finalize_invoice(invoice=draft, actor=SYSTEM)
        orders.append(locked)
        charge = services.create_charge(actor=SYSTEM, invoice=invoice, payment_method="card_success")
        with locks_seen(PAYMENT_LOCKS) as locked:
            charge = settle_charge(charge=charge, outcome=done, actor=SYSTEM)
        orders.append(locked)
        refund = services.create_refund(charge=charge, amount=100, actor=SYSTEM)
        with locks_seen(PAYMENT_LOCKS) as locked:
            settle_refund(refund=refund, outcome=done, actor=SYSTEM)
        orders.append(locked)
    assert orders == [
        ["billing_invoice", "billing_invoicecounter"],
        ["billing_invoice", "billing_charge"],
        ["billing_invoice", "billing_charge", "billing_refund"],
    ]
    assert all(locked == sorted(locked, key=PAYMENT_LOCKS.index) for locked in orders)


def test_tier_request_is_locked_before_its_company(world: World) -> None:
    with tenant_context(world.tenant()):
        request = services.request_tier(company=world.company, tier="pro", actor=SYSTEM)
    with system_context(reason="tests"), locks_seen(TIER_LOCKS) as locked:
        services.apply_tier_request(request=request, reason="They grow.", actor=SYSTEM)
    assert locked == list(TIER_LOCKS)
