"""A customer pays an invoice on the page behind its link: there, on the gateway's page, and back; without scripts too."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from billing.models import Charge
from core.tenancy import tenant_context
from tests.billing.factories import make_invoice
from tests.billing.stripe_stand_in import Stripe
from tests.billing.test_invoice_links import link_to, path_of
from tests.billing.test_stripe import ask_again, stripe
from tests.factories import World, make_seller

pytest.importorskip("stripe", reason="the SDK is an extra, which this environment is without")

__all__ = ["stripe"]


@pytest.mark.parametrize("scripts", [True, False])
def test_customer_pays_and_returns_to_the_invoice(
    world: World,
    visit: Callable[..., Page],
    stripe: Stripe,
    settings: Settings,
    base_url: str,
    scripts: bool,
) -> None:
    settings.PUBLIC_URL, settings.STRIPE_CHECKOUT_URL, stripe.pages = base_url, stripe.url, stripe.url
    make_seller(world.tenant(), bank_details={"iban": "DE89370400440532013000"})
    invoice = make_invoice(world.tenant(), finalize=True)
    page = visit(scripts=scripts)
    page.goto(path_of(link_to(invoice)))

    page.get_by_role("button", name="Pay €119.00").click()
    page.get_by_role("link", name="Back").click()
    expect(page.get_by_text("The payment was not completed")).to_be_visible()
    page.get_by_role("button", name="Pay €119.00").click()
    page.get_by_role("button", name="Pay").click()
    expect(page.get_by_text("A payment is being processed.")).to_be_visible()
    expect(page.get_by_role("button", name="Pay")).to_have_count(0)
    with tenant_context(invoice.tenant):
        charge = Charge.objects.get(invoice=invoice)
    ask_again(charge)
    page.get_by_role("link", name="Reload this page").click()

    expect(page.get_by_text("Payment received: €119.00")).to_be_visible()
    assert charge.status == "succeeded"
