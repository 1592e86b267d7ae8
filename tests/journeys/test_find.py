"""Finding by keyboard: an identifier of the other mode, the list below the field, the sheet of shortcuts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.factories import World, make_customer

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]


@pytest.mark.parametrize("keys", ["/", "Control+k"])
def test_an_identifier_of_the_wrong_mode_is_pasted_and_opened(
    world: World, visit: Visit, sign_in_as: SignIn, keys: str
) -> None:
    customer = make_customer(world.tenant("test"), name="Mode Mistaken")
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/")

    page.keyboard.press(keys)
    page.keyboard.insert_text(customer.public_id)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Mode Mistaken")).to_be_visible()
    expect(page.get_by_text("This is in Test: switched.")).to_be_visible()


def test_the_list_below_the_field_is_walked_through_by_arrows(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    customer = make_customer(world.tenant(), name="Found Below")
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/")

    page.keyboard.press("/")
    page.keyboard.insert_text(customer.public_id)
    hit = page.locator(".topbar .find-hit").first
    expect(hit).to_contain_text("Found Below")
    page.keyboard.press("ArrowDown")
    expect(hit).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Found Below")).to_be_visible()


def test_the_sheet_of_shortcuts_opens_and_single_keys_can_be_switched_off(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/")

    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(page.locator(".topbar input[type=search]")).to_be_focused()


def test_search_works_without_scripts_on_a_phone(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    customer = make_customer(world.tenant("test"), name="No Scripts")
    page = visit(width=390, scripts=False)
    sign_in_as(page, world.owner)
    page.goto("/")

    page.locator(".mobile-bar summary").first.click()
    page.locator(".mobile-bar").locator("input[type=search]").fill(customer.public_id)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="No Scripts")).to_be_visible()
