"""The PDF of an invoice, read back by another library."""

import io
import re

import pytest
from pypdf import PdfReader

from billing import services
from billing.export.invoice_pdf import render_invoice
from billing.models import Invoice
from billing.representations import buyer_snapshot, seller_snapshot
from billing.selectors import current_seller
from core.tenancy import tenant_context
from tests.billing.factories import make_invoice, make_settled_charge
from tests.factories import SYSTEM, World, make_customer, make_seller

ADDRESS = {"line1": "12 St James's Square", "postal_code": "SW1Y 4JH", "city": "London", "country": "GB"}


def document(invoice: Invoice, seller: str | None = None) -> bytes:
    with tenant_context(invoice.tenant):
        invoice.refresh_from_db()
        issued_by = {**(invoice.seller or seller_snapshot(current_seller()))}
        buyer = invoice.billed_to or buyer_snapshot(invoice.customer)
        return render_invoice(
            invoice,
            seller={**issued_by, "legal_name": seller or issued_by["legal_name"] or "Acme"},
            buyer=buyer,
        )


def pages(invoice: Invoice, seller: str | None = None) -> list[str]:
    data = document(invoice, seller)
    return [re.sub(r"\s+", " ", page.extract_text()) for page in PdfReader(io.BytesIO(data)).pages]


def test_it_says_who_owes_whom_what(world: World) -> None:
    lines = [
        {"description": "Difference engine", "quantity": 2, "unit_amount": 123_456, "tax_rate_bps": 1_900},
        {
            "description": "Coal",
            "quantity": 1,
            "unit_amount": 1_000,
            "tax_rate_bps": 770,
            "discount_amount": 100,
        },
    ]
    customer = make_customer(world.tenant(), name="Ada Lovelace", email="ada@example.com", address=ADDRESS)
    invoice = make_invoice(world.tenant(), customer=customer, lines=lines, finalize=True)
    [text] = pages(invoice, seller="Babbage & Sons")
    for part in (
        "Babbage & Sons", "Invoice INV-000001", "Ada Lovelace", "12 St James's Square", "SW1Y 4JH London United Kingdom", "ada@example.com",
        "Difference engine", "1,234.56", "2,469.12", "7.7 %", "Subtotal €2,478.12", "Tax 19 % €469.13",
        "Tax 7.7 % €0.69", "Total €2,947.94",
    ):  # fmt: skip
        assert part in text, part


@pytest.mark.parametrize(("currency", "total"), [("JPY", "¥11,900"), ("KWD", "11.900 KWD")])
def test_amounts_have_the_currencys_decimals(world: World, currency: str, total: str) -> None:
    assert f"Total {total}" in pages(make_invoice(world.tenant(), currency=currency, finalize=True))[0]


def test_what_stands_for_the_number_of_pages_elsewhere_is_a_name_like_any_other(world: World) -> None:
    customer = make_customer(world.tenant(), name="Curly {nb} Ltd")
    invoice = make_invoice(
        world.tenant(),
        customer=customer,
        lines=[{"description": "{nb} braces", "quantity": 1, "unit_amount": 1, "tax_rate_bps": 0}],
    )
    [text] = pages(invoice, seller="Acme {nb}")
    for part in ("Curly {nb} Ltd", "{nb} braces", "Acme {nb}", "Page 1 of 1"):
        assert part in text


def test_it_says_what_it_is_not(world: World) -> None:
    assert "DRAFT" in pages(make_invoice(world.tenant()))[0]
    test_text = pages(make_invoice(world.tenant("test"), finalize=True))[0]
    assert "TEST: not a real invoice" in test_text
    void = make_invoice(world.tenant(), finalize=True)
    with tenant_context(world.tenant()):
        services.void_invoice(invoice=void, actor=SYSTEM)
    assert "VOID" in pages(void)[0]
    paid = make_invoice(world.tenant(), finalize=True)
    make_settled_charge(world.tenant(), invoice=paid)
    assert "PAID" in pages(paid)[0]
    assert "Amount due €0.00" in pages(paid)[0]


def test_a_finalized_invoice_keeps_the_customer_of_its_day(world: World) -> None:
    customer = make_customer(world.tenant(), name="Ada Lovelace")
    invoice = make_invoice(world.tenant(), customer=customer, finalize=True)
    before = document(invoice)
    with tenant_context(world.tenant()):
        services.update_customer(customer=customer, actor=SYSTEM, name="Somebody Else")
    make_seller(world.tenant(), legal_name="Another GmbH")
    assert document(invoice) == before
    assert "Acme Maschinenbau GmbH" in pages(invoice)[0]
    assert "Ada Lovelace" in pages(invoice)[0]


def test_many_lines_make_several_pages(world: World) -> None:
    lines = [{"description": f"Position {number}", "quantity": 1, "unit_amount": 1} for number in range(250)]
    found = pages(make_invoice(world.tenant(), lines=lines))
    assert len(found) > 4
    assert "Position 249" in found[-1]
    assert f"Page {len(found)} of {len(found)}" in found[-1]


@pytest.mark.parametrize(
    "name", ["W" * 200, "Ωμέγα Ґалина Ångström", "株式会社", "مريم", "a\u0301\u200bb", "<b>&amp;</b> **x** %s {nb}", "🦆🦆"]
)  # fmt: skip
def test_any_name_can_be_printed(world: World, name: str) -> None:
    customer = make_customer(world.tenant(), name=name)
    lines = [{"description": name * 2, "quantity": 1, "unit_amount": 1}]
    assert len(pages(make_invoice(world.tenant(), customer=customer, lines=lines), seller=name)) == 1
