"""Objects of every resource, created by this release's services."""

from __future__ import annotations

from decimal import Decimal

from core.tenancy import Tenant, tenant_context
from messaging.attachments import Attachment
from messaging.models import Reputation
from messaging.services import create_message
from tests.billing.factories import (
    make_charge,
    make_credit_note,
    make_invoice,
    make_payment,
    make_settled_charge,
)
from tests.contracts.samples import OBJECTS, PAGE_OBJECTS
from tests.factories import SYSTEM, ensure_domain, make_customer, make_world

LINES = [
    {
        "description": "Work",
        "quantity": Decimal("2.5"),
        "unit_amount": 4_000,
        "tax_rate_bps": 1_900,
        "discount_bps": 1_000,
    },
    {"description": "Book", "quantity": 3, "unit_amount": 1_999, "tax_rate_bps": 700},
]


def use_release() -> None:
    """Make at least one object of every resource and page, in both modes, and invoices in each way that this release knows."""
    world = make_world()
    for tenant in (world.tenant("live"), world.tenant("test")):
        for make in {**OBJECTS, **PAGE_OBJECTS}.values():
            make(tenant)
        _bill(tenant)
        _write(tenant)


def _bill(tenant: Tenant) -> None:
    customer = make_customer(
        tenant, address={"line1": "1 Main Street", "city": "Paris", "country": "FR"}, tax_exempt="exempt"
    )
    make_invoice(tenant, customer=customer, lines=LINES, discount_amount=500, memo="a" * 1_000, finalize=True)
    make_invoice(tenant, lines=LINES, prices_include_tax=True, discount_bps=10_000, finalize=True)
    make_charge(tenant, settle=False)
    partly = make_invoice(tenant, lines=LINES, finalize=True)
    make_payment(tenant, invoice=partly, amount=1_000)
    make_credit_note(tenant, invoice=partly, amount=500)
    paid = make_invoice(tenant, lines=LINES, finalize=True)
    make_settled_charge(tenant, invoice=paid)
    make_credit_note(tenant, invoice=paid, amount=500)


def _write(tenant: Tenant) -> None:
    ensure_domain(tenant)
    file = Attachment("terms.txt", "text/plain", b"All of them.")
    with tenant_context(tenant):
        create_message(
            actor=SYSTEM,
            channel="email",
            to=["ada@example.com"],
            subject="Terms",
            text="See the file.",
            attachments=[file],
        )
        Reputation.objects.update_or_create(defaults={"state": Reputation.State.PAUSED})
