"""Invoice links: anyone with a link sees the invoice, others see nothing, and links can be revoked."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.services import resume_company, suspend_company
from billing import services
from billing.dashboard.views.hosted import VISITS
from billing.models import Invoice, InvoiceLink
from billing.services.errors import InvoiceIsDraft
from core.principal import Principal
from core.tenancy import tenant_context
from tests.billing.factories import make_credit_note, make_invoice, make_payment
from tests.clients import random_address, sign_in
from tests.factories import SYSTEM, World, make_seller


@pytest.fixture
def stranger() -> Client:
    return Client(REMOTE_ADDR=random_address())


def link_to(invoice: Invoice) -> str:
    with tenant_context(invoice.tenant):
        return services.create_link(invoice=invoice, actor=SYSTEM)


def path_of(address: str) -> str:
    return "/i/" + address.rpartition("/i/")[2]


def test_member_copies_the_link_and_anyone_can_view_the_invoice(world: World, stranger: Client) -> None:
    make_seller(world.tenant(), bank_details={"iban": "DE89370400440532013000"})
    invoice = make_invoice(world.tenant(), finalize=True)
    browser = sign_in(world.teammate, world.company)

    shown = browser.post(f"/invoices/{invoice.public_id}/links/new/")
    (address,) = re.findall(r'value="([^"]+/i/[\w-]{43})"', shown.content.decode())

    assert "no-store" in shown.headers["Cache-Control"]
    assert address not in browser.get(f"/invoices/{invoice.public_id}/").content.decode()
    page = stranger.get(path_of(address))
    text = page.content.decode()
    for words in ("INV-000001", "€119.00", "Acme Maschinenbau GmbH", "DE89370400440532013000", "Consulting"):
        assert words in text
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in page.headers["Cache-Control"]
    assert not page.cookies
    document = stranger.get(f"{path_of(address)}/pdf")
    assert (document.headers["Content-Type"], document.content[:5]) == ("application/pdf", b"%PDF-")


def test_quantities_have_no_trailing_zeros(world: World, stranger: Client) -> None:
    lines = [{"description": "Hours", "quantity": quantity, "unit_amount": 1} for quantity in ("2.5", "1000")]
    invoice = make_invoice(world.tenant(), lines=lines, finalize=True)
    browser = sign_in(world.owner, world.company)
    for page in (stranger.get(path_of(link_to(invoice))), browser.get(f"/invoices/{invoice.public_id}/")):
        assert re.findall(r'data-label="Quantity">([^<]+)<', page.content.decode()) == ["2.5", "1,000"]


def test_link_secret_is_stored_hashed_and_a_wrong_one_finds_nothing(world: World, stranger: Client) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    path = path_of(link_to(invoice))
    token = path.rpartition("/")[2]
    assert len(token) == 43
    with tenant_context(world.tenant()):
        (kept,) = InvoiceLink.objects.values_list("token_hash", flat=True)
    for wrong in (token[:-1], token.swapcase(), kept, "x" * 5_000, "ü"):
        assert stranger.get(f"/i/{wrong}").status_code == 404
        assert stranger.get(f"/i/{wrong}/pdf").status_code == 404
        assert stranger.post(f"/i/{wrong}/pay", {"amount": "\x00"}).status_code == 404


def test_revoked_links_stop_working_and_a_new_one_works(world: World, stranger: Client) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    paths = [path_of(link_to(invoice)) for _ in range(2)]
    browser = sign_in(world.owner, world.company)
    assert (
        "2 links to this invoice are active"
        in browser.get(f"/invoices/{invoice.public_id}/").content.decode()
    )

    assert browser.post(f"/invoices/{invoice.public_id}/links/revoke/").status_code == 302

    assert [stranger.get(path).status_code for path in (*paths, f"{paths[0]}/pdf")] == [404, 404, 404]
    assert stranger.get(path_of(link_to(invoice))).status_code == 200


def test_suspended_company_shows_no_invoice_until_it_is_resumed(world: World, stranger: Client) -> None:
    # A company that is to be approved first is suspended from the start (docs/architecture.md).
    path = path_of(link_to(make_invoice(world.tenant(), finalize=True)))
    actor = Principal.system("tests")
    with tenant_context(world.company.live_tenant):
        suspend_company(company=world.company, actor=actor, reason="Phishing")

    assert [stranger.get(each).status_code for each in (path, f"{path}/pdf")] == [404, 404]

    with tenant_context(world.company.live_tenant):
        resume_company(company=world.company, actor=actor, reason="Mistaken")
    assert stranger.get(path).status_code == 200


def pay(invoice: Invoice) -> None:
    make_payment(invoice.tenant, invoice=invoice, amount=11_900)


def credit(invoice: Invoice) -> None:
    make_credit_note(invoice.tenant, invoice=invoice)


def void(invoice: Invoice) -> None:
    with tenant_context(invoice.tenant):
        services.void_invoice(invoice=invoice, actor=SYSTEM)


@pytest.mark.parametrize(
    ("change", "words"), [(pay, "Paid"), (credit, "Credited"), (void, "nothing is owed")]
)
def test_the_hosted_invoice_page_shows_the_status(
    world: World, stranger: Client, change: Callable[[Invoice], None], words: str
) -> None:
    invoice = make_invoice(world.tenant("test"), finalize=True)
    path = path_of(link_to(invoice))
    change(invoice)
    text = stranger.get(path).content.decode()
    assert words in text
    assert "This is a test, not a real invoice." in text
    assert stranger.get(f"{path}/pdf").status_code == 200


def test_draft_has_no_link(world: World) -> None:
    with pytest.raises(InvoiceIsDraft):
        link_to(make_invoice(world.tenant()))


def test_hosted_invoice_visits_are_limited_per_address(world: World, stranger: Client) -> None:
    path = path_of(link_to(make_invoice(world.tenant(), finalize=True)))
    assert [stranger.get(path).status_code for _ in range(VISITS.quota)] == [200] * VISITS.quota
    # A token is added for each second that this takes.
    refused = next(
        answer for answer in (stranger.get(path) for _ in range(VISITS.quota)) if answer.status_code != 200
    )
    assert (refused.status_code, int(refused.headers["Retry-After"]) >= 1) == (429, True)
    assert 429 in [stranger.post(f"{path}/pay").status_code for _ in range(3)]
    assert Client(REMOTE_ADDR=random_address()).get(path).status_code == 200
