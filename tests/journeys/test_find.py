"""Finding by keyboard: an identifier of the other mode, the list below the field, the sheet of shortcuts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from tests.factories import World, make_customer
from tests.journeys.accessibility import violations

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]


@pytest.fixture
def page(world: World, visit: Visit, sign_in_as: SignIn) -> Page:
    """The overview, opened by the owner."""
    opened = visit()
    sign_in_as(opened, world.owner)
    opened.goto("/")
    return opened


@pytest.mark.parametrize("keys", ["/", "Control+k"])
def test_pasted_identifier_of_the_other_mode_is_opened(world: World, page: Page, keys: str) -> None:
    customer = make_customer(world.tenant("test"), name="Mode Mistaken")

    page.keyboard.press(keys)
    page.keyboard.insert_text(customer.public_id)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Mode Mistaken")).to_be_visible()
    expect(page.get_by_text("This is in Test: switched.")).to_be_visible()


def test_the_list_below_the_field_is_walked_through_by_arrows(world: World, page: Page) -> None:
    customer = make_customer(world.tenant(), name="Found Below")

    page.keyboard.press("/")
    page.keyboard.insert_text(customer.public_id)
    hit = page.locator(".topbar .find-hit").first
    expect(hit).to_contain_text("Found Below")
    page.keyboard.press("ArrowDown")
    expect(hit).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Found Below")).to_be_visible()


def test_what_is_typed_replaces_a_search_that_is_still_on_its_way(world: World, page: Page) -> None:
    customer = make_customer(world.tenant(), name="Found Below")
    searches: list[Route] = []

    def answer_all_but_the_first(search: Route) -> None:
        searches.append(search)
        if len(searches) > 1:
            search.continue_()

    page.route("**/find/", answer_all_but_the_first)
    with page.expect_request("**/find/"):
        page.keyboard.press("/")
    page.keyboard.insert_text(customer.public_id)

    expect(page.locator(".topbar .find-hit").first).to_contain_text("Found Below")


def test_the_sheet_of_shortcuts_opens_and_single_keys_can_be_switched_off(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(page.locator(".topbar input[type=search]")).to_be_focused()


def test_what_was_opened_last_is_offered_as_often_as_one_comes_into_the_field(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    customer = make_customer(world.tenant(), name="Opened Before")
    page = visit()
    sign_in_as(page, world.owner)
    page.goto(f"/customers/{customer.public_id}/")
    page.goto("/")

    for _ in range(2):
        page.keyboard.press("/")
        hit = page.locator(".topbar .find-hit").first
        expect(hit).to_contain_text("Opened Before")
        page.keyboard.press("Escape")
        expect(hit).to_be_hidden()
        page.get_by_role("heading").first.click()
    page.keyboard.press("/")
    expect(hit).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Opened Before")).to_be_visible()


def test_search_works_without_scripts_on_a_phone(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    customer = make_customer(world.tenant("test"), name="No Scripts")
    page = visit(width=390, scripts=False)
    sign_in_as(page, world.owner)
    page.goto("/")

    page.get_by_role("button", name="Menu").click()
    page.get_by_role("searchbox", name="Find anything").fill(customer.public_id)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="No Scripts")).to_be_visible()


def test_the_address_of_a_page_opens_the_same_page_in_another_mode(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    make_customer(world.tenant("test"), name="Only In Test")
    sender, receiver = visit(), visit()
    sign_in_as(sender, world.owner)
    sign_in_as(receiver, world.teammate)
    sender.goto("/customers/?q=Only&mode=test")
    expect(sender.get_by_role("link", name="Only In Test")).to_be_visible()

    receiver.goto(sender.url)

    assert f"?company={world.company.public_id}&mode=test&q=Only" in sender.url
    expect(receiver.get_by_text("This is in Test: switched.")).to_be_visible()
    expect(receiver.get_by_role("link", name="Only In Test")).to_be_visible()
