"""A template in the browser: write it, see it filled in, be told what is missing, and send it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.tenancy import tenant_context
from messaging.models import Message
from tests.factories import World, prove_senders

Visit = Callable[..., Page]
HTML = '<style>p { color: rgb(1, 2, 3) }</style><p id="hello">Dear {{ customer.name }}</p>'


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_write_a_template_preview_it_and_send_it(
    visit: Visit, sign_in_as: Callable[..., None], world: World, scripts: bool
) -> None:
    prove_senders(world)
    page = visit(scripts=scripts)
    sign_in_as(page, world.owner)

    page.goto("/messages/templates/")
    page.get_by_role("link", name="Create template").first.click()
    page.get_by_label("Name").fill("Welcome")
    page.get_by_label("Subject").fill("Welcome, {{ customer.name }}")
    page.get_by_label("HTML").fill(HTML)
    page.get_by_label("Examples").fill("customer.name: Ada & Co")
    page.get_by_role("button", name="Create template").click()
    expect(page.get_by_text("The template Welcome was created.")).to_be_visible()

    pane = page.frame_locator("iframe[name=template-preview]")
    shown = pane.frame_locator("iframe").locator("#hello")
    expect(pane.get_by_role("heading", name="Welcome, Ada & Co")).to_be_visible()
    expect(shown).to_have_text("Dear Ada & Co")
    expect(shown).to_have_css("color", "rgb(1, 2, 3)")

    page.get_by_label("Values").fill("customer.name: <b>Bob</b>")
    page.get_by_role("button", name="Update preview").click()
    expect(shown).to_have_text("Dear <b>Bob</b>")
    page.get_by_label("Values").fill("customer: Bob")
    page.get_by_role("button", name="Update preview").click()
    expect(pane.get_by_text("The template requires this variable")).to_be_visible()

    page.get_by_role("link", name="Send", exact=True).click()
    page.get_by_label("To", exact=False).first.fill("ada@example.com")
    page.get_by_label("Variables").fill("customer.name: Eve")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("The message is being sent.")).to_be_visible()
    with tenant_context(world.tenant()):
        assert Message.objects.get().subject == "Welcome, Eve"
