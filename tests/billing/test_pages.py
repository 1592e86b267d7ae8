"""Customer and invoice pages: from the empty list to a refunded invoice, using only forms."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from billing import services
from billing.models import Charge, Customer, Invoice
from core.tenancy import tenant_context
from tests.billing.factories import make_invoice, make_settled_charge
from tests.clients import send_form, token_in
from tests.factories import World, join, make_customer, make_user
from tests.sandbox import SandboxProcess


@pytest.fixture
def browser(world: World, login: Callable[..., Client]) -> Client:
    return login(world.teammate, company=world.company)


def text_of(answer: Any) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def test_from_the_empty_list_to_a_refunded_invoice(
    browser: Client, world: World, gateway: SandboxProcess
) -> None:
    assert "No customers yet" in text_of(browser.get("/customers/"))
    made = send_form(
        browser,
        "/customers/new/",
        {
            "name": "Ada Lovelace",
            "phone": "+49 30 123456",
            "city": "London",
            "metadata": "plan=gold\nseats = 3",
        },
    )
    assert made.status_code == 302
    with tenant_context(world.tenant()):
        customer = Customer.objects.get()
    assert (customer.phone, customer.address) == ("+4930123456", {"city": "London"})
    assert customer.metadata == {"plan": "gold", "seats": "3"}
    assert "Ada Lovelace" in text_of(
        browser.get("/customers/?search=lov&metadata_key=plan&metadata_value=gold")
    )
    assert "No customers match" in text_of(browser.get("/customers/?search=bob"))

    assert "Ada Lovelace" in text_of(browser.get("/invoices/new/"))
    draft = {
        "customer": customer.public_id, "currency": "EUR", "due_date": "2027-03-01",
        "line0-description": "Consulting", "line0-quantity": "2", "line0-unit_price": "1,050.50",
        "line0-tax_rate": "19", "line0-discount": "1",
        "line1-description": "", "line1-quantity": "1", "line1-unit_price": "",
    }  # fmt: skip
    more = browser.post("/invoices/new/", {**draft, "more": "1"})
    assert (more.status_code, more.content.count(b'-description"')) == (200, 7 * 2)
    saved = browser.post("/invoices/new/", {**draft, **token_in(more)})
    assert saved.status_code == 302
    with tenant_context(world.tenant()):
        invoice = Invoice.objects.prefetch_related("lines").get()
    assert (invoice.subtotal, invoice.tax, len(invoice.lines.all())) == (210_000, 39_900, 1)
    page = f"/invoices/{invoice.public_id}/"

    edited = browser.post(f"{page}edit/", {**draft, "line0-quantity": "1", "line0-discount": ""})
    assert edited.status_code == 302
    assert "Finalize this invoice?" in text_of(browser.get(f"{page}finalize/"))
    assert browser.post(f"{page}finalize/").status_code == 302
    shown = text_of(browser.get(page))
    assert "Invoice INV-000001" in shown
    assert "€1,250.10" in shown

    refused = send_form(
        browser, page, {"amount": "1250.11", "payment_method": "card_success"}, action=f"{page}charge/"
    )
    assert refused.status_code == 422
    assert "€1,250.10 can be charged" in text_of(refused)
    assert (
        send_form(
            browser, page, {"amount": "1,250.10", "payment_method": "card_success"}, action=f"{page}charge/"
        ).status_code
        == 302
    )
    assert "Waiting for the gateway's answer" in text_of(browser.get(page))
    services.complete_payments()
    shown = text_of(browser.get(page))
    for happening in (
        "Paid in full",
        "Charge succeeded",
        "Charge started",
        "Finalized",
        "Draft edited",
        "Draft created",
    ):
        assert happening in shown, happening
    assert "Waiting for the gateway" not in shown

    with tenant_context(world.tenant()):
        charge = Charge.objects.get()
    refund = f"/charges/{charge.public_id}/refund/"
    assert browser.get(refund).status_code == 200
    assert send_form(browser, refund, {"amount": "1250.101"}).status_code == 422
    assert send_form(browser, refund, {"amount": "250.10"}).status_code == 302
    services.complete_payments()
    assert "Refund succeeded" in text_of(browser.get(page))
    pdf = browser.get(f"{page}pdf/")
    assert (pdf.headers["Content-Type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    assert "INV-000001" in text_of(browser.get("/invoices/?status=paid&number=inv-000001"))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"name": ""}, "required"),
        ({"phone": "12345"}, "Use international format"),
        ({"country": "de"}, "two-letter uppercase"),
        ({"country": "ZZ"}, "Use an ISO 3166-1 alpha-2 code"),
        ({"metadata": "plan"}, "name=value"),
        ({"metadata": "\n".join(f"n{number}=x" for number in range(51))}, "At most 50"),
        ({"external_id": "taken"}, "with external_id taken exists: cus_"),
        ({"email": "nobody"}, "not an email address"),
    ],
)
def test_refused_customer_shows_the_reason_on_the_form(
    browser: Client, world: World, fields: dict[str, str], complaint: str
) -> None:
    make_customer(world.tenant(), external_id="taken")
    answer = send_form(browser, "/customers/new/", {"name": "Bob", **fields})
    assert answer.status_code == 422
    assert complaint in text_of(answer)
    with tenant_context(world.tenant()):
        assert Customer.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"line0-unit_price": "1.234"}, "Write the amount as in 1,250.00 (EUR)"),
        ({"line0-unit_price": ""}, "required"),
        ({"line0-tax_rate": "101"}, "from 0 to 100"),
        ({"line0-tax_rate": "lots"}, "percentage"),
        ({"line0-discount": "99"}, "discount is larger"),
        ({"currency": "XXX"}, "valid choice"),
        ({"due_date": "1900-01-01"}, "Use a date from"),
    ],
)
def test_refused_draft_shows_the_reason_on_the_form(
    browser: Client, world: World, fields: dict[str, str], complaint: str
) -> None:
    customer = make_customer(world.tenant()).public_id
    draft = {
        "customer": customer, "currency": "EUR",
        "line0-description": "x", "line0-quantity": "1", "line0-unit_price": "1",
    }  # fmt: skip
    page = f"/invoices/new/?customer={customer}"
    answer = send_form(browser, page, {**draft, **fields}, action="/invoices/new/")
    assert answer.status_code == 422
    assert complaint in text_of(answer)
    with tenant_context(world.tenant()):
        assert not Invoice.objects.exists()


def test_customers_are_edited_and_deleted(browser: Client, world: World) -> None:
    customer = make_customer(
        world.tenant(), metadata={"a": "1"}, address={"city": "Rome", "country": "IT", "line1": "Via Sacra 1"}
    )
    page = f"/customers/{customer.public_id}/"
    assert "Via Sacra 1, Rome, IT" in text_of(browser.get(page))
    assert "a=1" in browser.get(f"{page}edit/").content.decode()
    assert browser.post(f"{page}edit/", {"name": "Bob"}).status_code == 302
    with tenant_context(world.tenant()):
        changed = Customer.objects.get()
    assert (changed.name, changed.metadata, changed.address) == ("Bob", {}, None)
    assert "Delete this customer?" in text_of(browser.get(f"{page}delete/"))
    assert browser.post(f"{page}delete/").status_code == 302
    assert browser.get(page).status_code == 404


def test_drafts_are_deleted_and_open_invoices_closed(browser: Client, world: World) -> None:
    draft = f"/invoices/{make_invoice(world.tenant()).public_id}/"
    assert browser.post(f"{draft}delete/").status_code == 302
    assert browser.get(draft).status_code == 404
    for step, status in (("void", "void"), ("uncollectible", "uncollectible")):
        invoice = make_invoice(world.tenant(), finalize=True)
        page = f"/invoices/{invoice.public_id}/"
        assert browser.get(f"{page}{step}/").status_code == 200
        assert browser.post(f"{page}{step}/").status_code == 302
        with tenant_context(world.tenant()):
            assert Invoice.objects.get(id=invoice.id).status == status
        again = browser.post(f"{page}{step}/", follow=True)
        assert f"The invoice is {status}." in text_of(again)
    assert browser.get(f"{page}edit/").status_code == 409


def test_viewer_has_read_only_access(world: World, login: Callable[..., Client]) -> None:
    viewer = make_user("viewer")
    join(world.company, viewer, "viewer")
    browser = login(viewer, company=world.company)
    draft, opened = make_invoice(world.tenant()), make_invoice(world.tenant(), finalize=True)
    charge = make_settled_charge(world.tenant(), invoice=opened, amount=100)
    page = browser.get(f"/invoices/{opened.public_id}/")
    assert page.status_code == 200
    assert "Charge</button>" not in page.content.decode()
    for path in (
        "/customers/new/", "/invoices/new/", f"/invoices/{draft.public_id}/finalize/",
        f"/invoices/{draft.public_id}/delete/", f"/invoices/{opened.public_id}/charge/",
        f"/invoices/{opened.public_id}/void/", f"/charges/{charge.public_id}/refund/",
    ):  # fmt: skip
        assert (
            browser.post(path, {"name": "x", "amount": "1", "payment_method": "card_success"}).status_code
            == 403
        )
    with tenant_context(world.tenant()):
        assert Invoice.objects.get(id=draft.id).status == "draft"
        assert Charge.objects.count() == 1
        assert Charge.objects.get().amount_refund_pending == 0


def test_another_company_and_mode_see_nothing(world: World, login: Callable[..., Client]) -> None:
    customer = make_customer(world.tenant())
    invoice = make_invoice(world.tenant(), customer=customer, finalize=True)
    charge = make_settled_charge(world.tenant(), invoice=invoice)
    outsider = login(world.outsider, company=world.other_company)
    for path in (
        f"/customers/{customer.public_id}/", f"/customers/{customer.public_id}/edit/",
        f"/invoices/{invoice.public_id}/", f"/invoices/{invoice.public_id}/pdf/",
        f"/invoices/new/?customer={customer.public_id}", f"/charges/{charge.public_id}/refund/",
    ):  # fmt: skip
        assert outsider.get(path).status_code == 404, path
