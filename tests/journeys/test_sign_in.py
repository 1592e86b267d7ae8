"""Signing in by hand, with an address and a password; the other journeys begin with the session that comes of it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.factories import PASSWORD, World


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_the_password_opens_the_dashboard_in_this_browser_alone(
    world: World, visit: Callable[..., Page], scripts: bool
) -> None:
    page = visit(scripts=scripts)
    page.goto("/team/")
    page.wait_for_url("**/accounts/login/?next=/team/")
    page.get_by_label("Email").fill(world.owner.email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Team", level=1)).to_have_count(0)

    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("heading", name="Team", level=1)).to_be_visible()
    stranger = visit(scripts=scripts)
    stranger.goto("/team/")
    stranger.wait_for_url("**/accounts/login/?next=/team/")
