"""Choosing a browser key in the form ticks nothing, leaves what is ticked, and says what a stranger could do."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts.models import User
from tests.factories import World

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]


def test_choosing_a_browser_key_ticks_nothing_by_itself(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/keys/new/")
    page.get_by_label("In a browser").check()
    expect(page.get_by_label("customers:read")).not_to_be_checked()
    expect(page.get_by_text("Select only what a stranger may see")).to_be_visible()


def test_selected_scopes_stay_selected(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/keys/new/")
    page.get_by_label("messaging:send").check()
    page.get_by_label("In a browser").check()
    expect(page.get_by_label("messaging:send")).to_be_checked()
    expect(page.get_by_label("customers:read")).not_to_be_checked()
