"""Forms that come back, that are left half done, and that begin where one types."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page, expect

from accounts.models import User
from tests.factories import World, make_customer
from tests.journeys.accessibility import violations

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]


def test_refused_form_links_to_each_invalid_field(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/keys/new/")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.get_by_label("Name", exact=True).fill("billing")
    page.get_by_label("Allowed addresses").fill("10.0.0.5/8")
    page.get_by_label("Requests per minute").fill("0")
    page.get_by_label("customers:read").check()
    page.get_by_role("button", name="Create key").click()

    summary = page.locator(".error-summary")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link")).to_have_text(["Requests per minute", "Allowed addresses"])
    summary.get_by_role("link", name="Allowed addresses").click()
    expect(page.get_by_label("Allowed addresses")).to_be_focused()


def test_leaving_a_form_half_done_asks_first(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    page = visit()
    sign_in_as(page, world.owner)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.goto("/keys/new/")
    page.get_by_label("Name", exact=True).press_sequentially("half")
    page.get_by_role("link", name="Cancel").click(no_wait_after=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    expect(page.get_by_label("Name", exact=True)).to_have_value("half")

    page.get_by_label("customers:read").check()
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("heading", name="Store the secret now")).to_be_visible()
    assert asked == ["beforeunload"]


def test_error_summary_names_the_line_of_an_invalid_price(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    customer = make_customer(world.tenant("live"), name="Ada Lovelace")
    page = visit()
    sign_in_as(page, world.owner)
    page.goto(f"/invoices/new/?customer={customer.public_id}")
    page.get_by_label("Description of line 1").fill("Tea")
    page.get_by_label("Unit price of line 1").fill("12,90")
    # While it is typed the totals say why it does not count, below the field and where screen readers are told of changes.
    why = "“12,90” can be read in more than one way. Write the amount as in 1,250.00 (EUR)."
    expect(page.locator("#line0-unit_price-unread")).to_have_text(why)
    expect(page.locator("#invoice-totals[aria-live=polite]")).to_contain_text(f"Unit price of line 1: {why}")
    assert violations(page) == []
    page.get_by_role("button", name="Save as draft").click()

    # It is refused in the same words, which stand below the field once.
    expect(page.locator("#line0-unit_price-unread")).to_have_text(why)
    expect(page.locator("td:has(#id_line0-unit_price) .errorlist:visible")).to_have_count(1)
    summary = page.locator(".error-summary")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="Unit price of line 1").click()
    expect(page.get_by_label("Unit price of line 1")).to_be_focused()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_buttons_of_a_long_form_stay_in_view(
    world: World, visit: Visit, sign_in_as: SignIn, width: int
) -> None:
    page = visit(width=width)
    sign_in_as(page, world.owner)
    page.goto("/keys/new/")

    expect(page.get_by_role("button", name="Create key")).to_be_in_viewport()
    # What has the focus is never below them (WCAG 2.4.11).
    page.get_by_label("audit:read").focus()
    covered = page.evaluate("""() => {
      const focused = document.activeElement.getBoundingClientRect();
      const bar = document.querySelector("form[data-submit-once] > .form-actions").getBoundingClientRect();
      return focused.bottom > bar.top && focused.top < bar.bottom;
    }""")
    assert not covered
