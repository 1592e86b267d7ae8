"""From an invitation's link to the first key: what somebody new has to press."""

from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect

from tests.accounts.test_pages import Login, invite
from tests.factories import PASSWORD, World
from tests.journeys.clicks import count_clicks

Visit = Callable[..., Page]
MOST_CLICKS = 6


def test_invited_person_has_a_working_key_in_six_clicks(
    world: World, login: Login, visit: Visit, base_url: str
) -> None:
    email = f"new-{world.company.id.hex}@example.com"
    link = invite(login(world.owner, world.company), email, "developer")
    page = visit()
    clicks = count_clicks(page)

    page.goto(link)
    expect(page.get_by_label("Email")).to_have_value(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account and join").click()
    page.get_by_role("link", name="Create key").first.click()
    page.get_by_label("Name", exact=True).fill("first integration")
    page.get_by_role("link", name="Read only").click()
    page.get_by_role("button", name="Create key").click()

    expect(page.get_by_role("heading", name="Store the secret now")).to_be_visible()
    secret = page.get_by_label("Client secret").input_value()
    answer = httpx.get(f"{base_url}/v1/whoami", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    assert answer.json()["company"]["name"] == world.company.name
    assert 0 < clicks() <= MOST_CLICKS
