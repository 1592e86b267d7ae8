"""Charge pages: from the empty list to a partly refunded charge, using only forms."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from billing import selectors, services
from billing.gateways import Outcome
from billing.models import Charge, Refund
from billing.services.charges import settle_charge
from billing.services.refunds import settle_refund
from core.tenancy import tenant_context
from tests.billing.factories import make_charge, make_invoice, make_settled_charge
from tests.clients import send_form
from tests.factories import SYSTEM, World, join, make_customer, make_user
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.usefixtures("template_contexts")

FORM = {"amount": "1,250.10", "currency": "EUR", "payment_method": "card_success"}


@pytest.fixture
def browser(world: World, login: Callable[..., Client]) -> Client:
    return login(world.teammate, company=world.company)


def text_of(answer: Any) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def only_charge(world: World) -> Charge:
    with tenant_context(world.tenant()):
        return Charge.objects.select_related("customer").get()


def test_from_the_empty_list_to_a_partly_refunded_charge(
    browser: Client, world: World, gateway: SandboxProcess
) -> None:
    assert "No charges yet" in text_of(browser.get("/charges/"))
    customer = make_customer(world.tenant())
    person = f"/customers/{customer.public_id}/"
    assert "No charges yet" in text_of(browser.get(person))
    form = f"/charges/new/?customer={customer.public_id}"
    assert customer.public_id in browser.get(form).content.decode()

    made = send_form(browser, form, {**FORM, "customer": customer.public_id, "metadata": "order=7"})

    charge = only_charge(world)
    page = f"/charges/{charge.public_id}/"
    assert (made.status_code, made.headers["Location"]) == (302, page)
    assert (charge.amount, charge.currency, charge.metadata) == (125_010, "EUR", {"order": "7"})
    assert (charge.customer, charge.invoice) == (customer, None)
    shown = text_of(browser.get(page))
    assert "Waiting for the gateway's answer" in shown
    assert "Only successful charges can be refunded." in shown
    asked_again = {"HX-Request": "true"}
    assert "HX-Refresh" not in browser.get(page, headers=asked_again).headers
    services.complete_payments()
    assert browser.get(page, headers=asked_again).headers["HX-Refresh"] == "true"
    shown = text_of(browser.get(page))
    assert "Charge succeeded" in shown
    assert "Waiting for the gateway" not in shown
    assert charge.public_id in text_of(browser.get(person))

    refunded = send_form(browser, f"{page}refund/", {"amount": "250.10"})
    assert (refunded.status_code, refunded.headers["Location"]) == (302, page)
    assert "€250.10 pending" in text_of(browser.get(page))
    services.complete_payments()
    shown = text_of(browser.get(page))
    assert "€250.10 of €1,250.10 refunded." in shown
    with tenant_context(world.tenant()):
        assert Refund.objects.get().public_id in shown


def test_charge_without_invoice_or_customer_is_created(browser: Client, world: World) -> None:
    assert (
        send_form(browser, "/charges/new/", {**FORM, "amount": "500", "currency": "JPY"}).status_code == 302
    )
    charge = only_charge(world)
    assert (charge.amount, charge.currency, charge.customer) == (500, "JPY", None)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"amount": "1.234"}, "Write the amount as in 1,250.00 (EUR)"),
        ({"amount": "0"}, "Use an amount from €0.01"),
        ({"amount": ""}, "required"),
        ({"currency": "XXX"}, "valid choice"),
        ({"payment_method": "card_gold"}, "valid choice"),
        ({"metadata": "plan"}, "name=value"),
        ({"customer": "cus_nobody"}, "There is no such customer."),
    ],
)
def test_refused_charge_shows_the_reason_on_the_form(
    browser: Client, world: World, fields: dict[str, str], complaint: str
) -> None:
    answer = send_form(browser, "/charges/new/", {**FORM, **fields})
    assert answer.status_code == 422
    assert complaint in text_of(answer)
    with tenant_context(world.tenant()):
        assert not Charge.objects.exists()


def test_customer_of_another_company_is_not_charged(browser: Client, world: World) -> None:
    foreign = make_customer(world.other_tenant())
    answer = send_form(browser, "/charges/new/", {**FORM, "customer": foreign.public_id})
    assert answer.status_code == 422
    assert "There is no such customer." in text_of(answer)
    with tenant_context(world.tenant()):
        assert not Charge.objects.exists()


def test_failed_charge_shows_the_reason(browser: Client, world: World, gateway: SandboxProcess) -> None:
    charge = make_charge(world.tenant(), payment_method="card_insufficient_funds")
    shown = text_of(browser.get(f"/charges/{charge.public_id}/"))
    assert "The charge failed The card has insufficient funds. insufficient_funds" in shown
    page = f"/charges/{charge.public_id}/refund/"
    browser.post(page, {"amount": "1"})
    for refused in (browser.get(page), browser.get(f"/charges/{charge.public_id}/")):
        assert "The charge is failed." in text_of(refused)


def test_charge_list_is_filtered_and_paged(browser: Client, world: World) -> None:
    tenant = world.tenant()
    customer = make_customer(tenant)
    invoice = make_invoice(tenant, customer=customer, finalize=True)
    paid = make_settled_charge(tenant, invoice=invoice)
    free = make_settled_charge(tenant)
    waiting = make_charge(tenant, settle=False)

    def found(query: str) -> set[str]:
        page = browser.get(f"/charges/?{query}").content.decode()
        return {
            charge.public_id for charge in (paid, free, waiting) if f"/charges/{charge.public_id}/" in page
        }

    everything = {paid.public_id, free.public_id, waiting.public_id}
    assert found("") == everything
    assert found("status=pending") == {waiting.public_id}
    assert found("invoice=none") == {free.public_id, waiting.public_id}
    assert found(f"customer={customer.public_id}") == {paid.public_id}
    assert found("customer=cus_nobody") == set()
    assert found("created_after=2020-01-01") == everything
    assert found("created_after=2999-01-01") == set()
    assert found(f"starting_after={free.public_id}") == {paid.public_id}
    assert "No charges match" in text_of(browser.get("/charges/?status=failed"))
    assert browser.get("/charges/?starting_after=x").status_code == 302


def test_viewer_can_view_but_not_charge(world: World, login: Callable[..., Client]) -> None:
    viewer = make_user("viewer")
    join(world.company, viewer, "viewer")
    browser = login(viewer, company=world.company)
    charge = make_settled_charge(world.tenant())
    page = browser.get(f"/charges/{charge.public_id}/")
    assert page.status_code == 200
    assert "/refund/" not in page.content.decode()
    assert "Create charge" not in text_of(browser.get("/charges/"))
    assert browser.post("/charges/new/", FORM).status_code == 403
    with tenant_context(world.tenant()):
        assert Charge.objects.count() == 1


def test_page_with_inconsistent_totals_keeps_polling(
    browser: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = world.tenant()
    invoice = make_invoice(tenant, finalize=True)
    pending = make_charge(tenant, settle=False, invoice=invoice)
    paid = make_settled_charge(tenant)
    with tenant_context(tenant):
        refund = services.create_refund(charge=paid, actor=SYSTEM, full=True)
    succeeded = Outcome(succeeded=True, reference="made-up")

    def between(name: str, answer: Callable[[], object]) -> None:
        """Let a gateway response arrive just before the page runs the selector `name`."""
        read = getattr(selectors, name)

        def late(*args: Any) -> Any:
            answer()
            return read(*args)

        monkeypatch.setattr(selectors, name, late)

    between("list_charges_of", lambda: settle_charge(charge=pending, outcome=succeeded, actor=SYSTEM))
    between("list_refunds", lambda: settle_refund(refund=refund, outcome=succeeded, actor=SYSTEM))

    for page in (f"/invoices/{invoice.public_id}/", f"/charges/{paid.public_id}/"):
        assert browser.get(page).context["is_waiting"]
        assert not browser.get(page).context["is_waiting"]


def test_payment_method_is_shown_in_words_beside_its_name(world: World, login: Callable[..., Client]) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    charge = make_settled_charge(world.tenant(), invoice=invoice)
    browser = login(world.owner, world.company)

    for path in ("/charges/", f"/invoices/{invoice.public_id}/"):
        page = browser.get(path).content.decode()
        assert 'title="card_success">Test card: succeeds<' in page, path
    page = browser.get(f"/charges/{charge.public_id}/").content.decode()
    assert "Test card: succeeds <code>card_success</code>" in page
