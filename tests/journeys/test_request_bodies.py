"""Bodies of requests in a browser: choosing to keep them, reading one on the page of its request, and deleting them."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.audit.kept_bodies import write_all
from tests.clients import ApiClient, random_address
from tests.factories import World, make_key
from tests.journeys.accessibility import faults_of

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]
WORDS = "Zebra crossing 4711"


def send(world: World) -> str:
    """Send a live request with WORDS in its body, and return its id."""
    issued = make_key(world.company, ("customers:write",))
    answer = ApiClient(issued.client_secret, ip=random_address()).post(
        "/v1/customers", {"name": "N", "email": "a@a.example", "metadata": {"note": WORDS}}
    )
    write_all()
    return str(answer.headers["X-Request-Id"])


@pytest.mark.parametrize("scripts", [True, False])
def test_owner_keeps_reads_and_deletes_live_bodies(
    world: World, visit: Visit, sign_in_as: SignIn, scripts: bool
) -> None:
    page = visit(scripts=scripts)
    sign_in_as(page, world.owner)
    # given: nothing is kept, and the page of a request says where to change that
    page.goto(f"/requests/{send(world)}/")
    expect(page.get_by_text("keeping the bodies of requests in live mode is off")).to_be_visible()
    page.get_by_role("link", name="Choose which bodies are kept").click()
    # when
    page.get_by_role("button", name="Keep bodies for 24 hours").click()
    # then
    expect(page.get_by_text("Kept until")).to_be_visible()
    request = f"/requests/{send(world)}/"
    page.goto(request)
    body = page.get_by_role("region", name="the request body", exact=True)
    expect(body).to_contain_text(f'"note": "{WORDS}"')
    expect(page.get_by_role("region", name="the response body", exact=True)).to_contain_text(
        '"object": "customer"'
    )
    # when
    page.goto("/requests/bodies/")
    page.get_by_role("link", name="Stop and delete what is kept in live mode").click()
    page.get_by_role("button", name="Stop and delete", exact=True).locator("visible=true").click()
    # then
    expect(page.get_by_role("button", name="Keep bodies for 24 hours")).to_be_visible()
    page.goto(request)
    expect(page.get_by_text("keeping the bodies of requests in live mode is off")).to_be_visible()
    expect(page.get_by_text(WORDS)).to_have_count(0)


def test_bodies_are_accessible_and_can_be_copied(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in_as(page, world.owner)
    page.goto("/requests/bodies/")
    assert faults_of(page) == []
    page.get_by_role("button", name="Keep bodies for 24 hours").click()
    page.goto(f"/requests/{send(world)}/")
    body = page.get_by_role("region", name="the request body", exact=True)
    body.focus()
    expect(body).to_be_focused()
    assert faults_of(page) == []
    page.get_by_role("button", name="Copy the request body", exact=True).click()
    expect(page.locator("#copy-status")).to_have_text("Copied")
    assert json.loads(page.evaluate("navigator.clipboard.readText()"))["metadata"] == {"note": WORDS}
