"""Choosing a browser key in the form ticks the read scopes, once, and leaves what a person has ticked."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.factories import World

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_browser_key_begins_with_read_scopes(
    world: World, visit: Visit, sign_in_as: SignIn, scripts: bool
) -> None:
    page = visit(scripts=scripts)
    sign_in_as(page, world.owner)
    page.goto("/keys/new/")
    if scripts:
        page.get_by_label("In a browser").check()
    else:
        page.get_by_role("link", name="start one").click()
    expect(page.get_by_label("In a browser")).to_be_checked()
    expect(page.get_by_label("customers:read")).to_be_checked()
    expect(page.get_by_label("customers:write")).not_to_be_checked()


def test_what_is_ticked_already_stays(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/keys/new/")
    page.get_by_label("messaging:send").check()
    page.get_by_label("In a browser").check()
    expect(page.get_by_label("messaging:send")).to_be_checked()
    expect(page.get_by_label("customers:read")).not_to_be_checked()
