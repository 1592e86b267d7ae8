"""Forms that come back, that are left half done, and that begin where one types."""

from collections.abc import Callable

from playwright.sync_api import Dialog, Page, expect

from accounts.models import User
from tests.factories import World

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]


def test_a_refused_form_leads_to_what_is_wrong(world: World, visit: Visit, sign_in_as: SignIn) -> None:
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
