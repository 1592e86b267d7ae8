"""From a refused request to a key that may send it: what a developer has to press, from the first page on."""

from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.factories import World, make_key
from tests.journeys.clicks import count_clicks
from tests.journeys.test_request_log import call

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]
MOST_CLICKS = 3


def test_refused_request_leads_to_a_fixed_key_in_three_clicks(
    world: World, visit: Visit, sign_in_as: SignIn, base_url: str
) -> None:
    issued = make_key(world.company, name="nightly export", scopes=["invoices:read"])
    assert call(base_url, issued, "/v1/customers").json()["error"]["code"] == "insufficient_scope"
    page = visit()
    sign_in_as(page, world.owner)
    clicks = count_clicks(page)
    page.goto("/")

    page.get_by_role("link", name="Requests", exact=True).first.click()
    page.get_by_role("link", name="GET /v1/customers").click()
    page.get_by_role("button", name="Give this key customers:read").click()

    expect(page.get_by_text("nightly export now has customers:read. Send the request again.")).to_be_visible()
    authorization = {"Authorization": f"Bearer {issued.client_secret}"}
    assert httpx.get(f"{base_url}/v1/customers", headers=authorization).status_code == 200
    assert 0 < clicks() <= MOST_CLICKS
