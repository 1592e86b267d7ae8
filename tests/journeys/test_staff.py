"""What staff do: find a company's wish for another tier on the home and grant it, on accessible pages; open what an identifier names."""

from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import Page, expect

from accounts.models import Company
from billing.services import request_tier
from core.tenancy import system_context, tenant_context
from tests.clients import sign_in
from tests.factories import SYSTEM, World, make_customer, make_key, make_user
from tests.journeys.accessibility import violations
from tests.journeys.clicks import count_clicks

MOST_CLICKS = 4


def enter_as_staff(page: Page, base_url: str) -> None:
    """Sign a member of staff in, who has a second factor."""
    staff = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    session = sign_in(staff).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": base_url}])


def test_tier_request_is_granted_in_four_clicks(
    world: World, visit: Callable[..., Page], base_url: str
) -> None:
    with tenant_context(world.tenant()):
        request_tier(company=world.company, tier="pro", actor=SYSTEM, requested_by=world.owner)
    page = visit()
    clicks = count_clicks(page)
    enter_as_staff(page, base_url)
    page.goto("/staff/")
    problems = violations(page)

    page.get_by_role("link", name="Tier requests", exact=True).first.click()
    page.get_by_role("link", name=world.company.name).first.click()
    page.get_by_role("button", name="Apply the requested tier").click()
    page.get_by_label("Short name").fill(world.company.slug)
    page.get_by_label("Reason").fill("they have grown")
    problems += violations(page)
    page.get_by_role("button", name="Apply the requested tier").click()

    expect(page.get_by_text(f"{world.company.name} is on the pro tier now")).to_be_visible()
    assert 0 < clicks() <= MOST_CLICKS
    with system_context(reason="test"):
        assert Company.objects.get(id=world.company.id).tier == "pro"
    page.goto(f"/staff/accounts/company/{world.company.id}/change/")
    problems += violations(page)
    page.goto("/staff/billing/invoice/")
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth"), width
    assert problems == []


@pytest.mark.parametrize("waits", [True, False], ids=["results-shown", "at-once"])
def test_enter_opens_a_pasted_identifier(
    world: World, visit: Callable[..., Page], base_url: str, waits: bool
) -> None:
    customer = make_customer(world.tenant("test"), name="Found By Staff")
    page = visit()
    enter_as_staff(page, base_url)
    page.goto("/staff/")

    page.keyboard.press("Control+k")
    expect(page.get_by_placeholder("Type to search")).to_be_focused()
    page.keyboard.insert_text(customer.public_id)
    if waits:
        expect(page.locator("#command-results a")).to_contain_text("Found By Staff")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/staff/billing/customer/{customer.id}/change/")


def test_slash_opens_the_search_and_question_mark_the_sheet_of_shortcuts(
    visit: Callable[..., Page], base_url: str
) -> None:
    page = visit()
    enter_as_staff(page, base_url)
    search = page.get_by_placeholder("Type to search")
    # On a list too, whose own field the theme gives this key.
    for path in ("/staff/", "/staff/accounts/company/"):
        page.goto(path)
        page.keyboard.press("/")
        expect(search).to_be_focused()
        expect(search).to_have_value("")
        page.keyboard.type("a/b?")
        expect(search).to_have_value("a/b?")

        page.goto(path)
        page.keyboard.press("?")
        sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
        expect(sheet.locator("dl > div", has=page.get_by_text("/", exact=True))).to_contain_text(
            "Find anything"
        )
        assert violations(page) == []
        page.keyboard.press("Escape")
        expect(sheet).to_be_hidden()

    page.keyboard.press("?")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("?")
    expect(sheet).to_be_hidden()
    page.keyboard.press("/")
    expect(search).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(search).to_be_focused()


@pytest.mark.parametrize("shortcut", ["/", "Control+k"])
def test_search_has_the_cursor_however_late_a_busy_machine_shows_it(
    visit: Callable[..., Page], base_url: str, shortcut: str
) -> None:
    page = visit()
    enter_as_staff(page, base_url)
    page.add_init_script("window.requestAnimationFrame = (show) => setTimeout(show, 300);")
    page.goto("/staff/")

    page.keyboard.press(shortcut)

    expect(page.get_by_placeholder("Type to search")).to_be_focused()


def test_pasted_secret_is_shortened_before_it_is_put_into_a_url(
    world: World, visit: Callable[..., Page], base_url: str
) -> None:
    key = make_key(world.company, name="ci-deploy")
    page = visit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    enter_as_staff(page, base_url)
    page.goto("/staff/apikeys/apikey/")
    page.locator("#searchbar").fill(key.client_secret)
    page.locator("#searchbar").press("Enter")
    page.wait_for_url("**q=pm_live_*")

    page.keyboard.press("Control+k")
    expect(page.get_by_placeholder("Type to search")).to_be_focused()
    page.keyboard.insert_text(key.client_secret)
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/staff/apikeys/apikey/{key.key.id}/change/")
    assert any("/staff/search/" in one and key.client_secret[:16] in one for one in asked)
    assert [one for one in asked if key.client_secret[16:30] in one] == []
