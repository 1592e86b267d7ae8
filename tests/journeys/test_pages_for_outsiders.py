"""Pages for people without a company: behind links of mails, between password and second factor, the documentation, and what is
not there; by axe in both themes, and inside a telephone."""

from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from playwright.sync_api import Page

from config.pages.docs.documents import all_documents
from tests.accounts.test_pages import Login, invite
from tests.billing.factories import make_invoice, make_payment
from tests.billing.test_invoice_links import link_to, path_of
from tests.factories import PASSWORD, World, make_seller
from tests.journeys.accessibility import faults_of

Visit = Callable[..., Page]


def test_what_a_link_opens_is_accessible(world: World, visit: Visit, login: Login) -> None:
    make_seller(world.tenant(), bank_details={"iban": "DE89370400440532013000"})
    open_invoice = make_invoice(world.tenant(), finalize=True)
    paid = make_invoice(world.tenant(), finalize=True)
    make_payment(world.tenant(), invoice=paid, amount=11_900)
    paths = {
        "invoice": path_of(link_to(open_invoice)),
        "paid": path_of(link_to(paid)),
        "invitation": invite(login(world.owner, world.company), "new@example.com"),
        "no invitation": "/invitations/nothing/",
        "no invoice": "/i/nothing",
        "no reset": "/accounts/password/reset/key/1-nothing/",
    }
    page = visit()
    faults = {}
    for name, path in paths.items():
        page.goto(path)
        faults[name] = faults_of(page)

    assert {name: found for name, found in faults.items() if found} == {}


def test_the_second_factor_is_asked_for_on_an_accessible_page(world: World, visit: Visit) -> None:
    TOTP.activate(world.owner, generate_totp_secret())
    page = visit()
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(world.owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/2fa/authenticate/**")

    assert faults_of(page) == []


@pytest.mark.timeout(900)
def test_every_page_of_the_documentation_is_accessible(visit: Visit) -> None:
    page = visit()
    faults = {}
    for document in all_documents():
        page.goto(f"/docs/{document.slug}/")
        faults[document.slug] = faults_of(page)

    assert {slug: found for slug, found in faults.items() if found} == {}
