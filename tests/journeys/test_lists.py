"""Lists and the page of a new secret, with scripts: rows that are pressed, boxes ticked together, the person's own time, one call."""

import re
from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from audit.ingest.store import store
from tests.audit.rows import make_row
from tests.factories import World, make_key

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]


def test_keys_are_ticked_together_and_revoked_by_one_confirmation(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    for name in ("one", "two"):
        make_key(world.company, name=name)
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/keys/")
    expect(page.get_by_role("button", name="Revoke", exact=True)).to_be_disabled()

    page.get_by_label("Select all keys on this page").check()
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.get_by_role("button", name="Revoke", exact=True).click()
    page.get_by_role("button", name="Revoke 2 keys").click()

    expect(page.get_by_text("2 keys are revoked")).to_be_visible()
    # A press beside the words of a row opens its key.
    page.locator("tbody tr").first.locator("td").nth(4).click(position={"x": 4, "y": 4})
    expect(page.get_by_role("heading", level=1)).to_contain_text("two")


def test_secret_typed_into_a_filter_stays_out_of_the_url_when_another_filter_applies(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    key = make_key(world.company, name="ci-deploy")
    page = visit()
    sign_in_as(page, world.owner)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/keys/")
    for secret in (key.client_secret, "whsec_" + "Zm9v" * 8):
        # given: typed, not yet sent
        page.locator(".filter-bar input[name=q]").fill(secret)
        # when
        page.get_by_label("Status").select_option(index=1 if secret == key.client_secret else 0)
        # then
        page.wait_for_url("**q=*" + secret[:5] + "*")
        assert [one for one in asked if secret[16:30] in one] == []


def test_secret_stays_out_of_the_url_beside_a_filter_called_method(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    secret = make_key(world.company).client_secret
    page = visit()
    sign_in_as(page, world.owner)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/requests/")

    page.locator(".filter-bar input[name=q]").fill(secret)
    page.locator(".filter-bar input[name=q]").press("Enter")

    page.wait_for_url("**q=pm_live_*")
    assert [one for one in asked if secret[16:30] in one] == []


def test_logs_show_local_time_and_keep_utc(
    world: World, browser: Browser, base_url: str, sign_in_as: SignIn
) -> None:
    row = make_row(world.company.id)
    store([row])
    make_key(world.company)
    context = browser.new_context(base_url=base_url, timezone_id="Asia/Tokyo", locale="en-US")
    page = context.new_page()
    sign_in_as(page, world.owner)
    page.goto("/requests/")
    time = page.locator("#request-rows time").first
    expect(page.locator("time[data-local]")).to_have_count(0)
    page.goto("/keys/")
    made = page.locator("tbody time").first.get_attribute("title") or ""
    assert re.fullmatch(r"\d\d \w+ \d{4}, [\d:]{8} GMT\+9 \(\d\d \w+ \d{4}, [\d:]{8} UTC\)", made)
    page.goto("/requests/")

    utc = time.get_attribute("title") or ""
    local = time.inner_text()
    context.close()

    hour = int(re.search(r", (\d\d):", utc)[1])  # type: ignore[index]
    assert re.fullmatch(r"\d\d \w+ \d{4}, \d\d:\d\d:\d\d", local)
    assert int(re.search(r", (\d\d):", local)[1]) == (hour + 9) % 24  # type: ignore[index]


def test_new_secret_can_be_tried_on_its_page(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/keys/new/?preset=read-only")
    page.locator("#id_name").fill("first")
    if not page.locator('input[name="scopes"]:checked').count():
        page.locator('input[name="scopes"]').first.check()
    page.get_by_role("button", name="Create key").click()

    secret = page.get_by_label("Client secret").first.input_value()
    expect(page.locator("pre", has_text=f"export POMELO_SECRET={secret}")).to_be_visible()
    page.get_by_role("button", name="Run it now").click()

    expect(page.get_by_role("status", name="Answer")).to_contain_text("200")
    expect(page.get_by_role("status", name="Answer")).to_contain_text('"client_id": "key_')


def test_searching_for_a_secret_finds_its_key_and_puts_no_secret_into_a_url(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    wanted = make_key(world.company, name="wanted")
    make_key(world.company, name="another")
    page = visit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in_as(page, world.owner)
    page.goto("/keys/")

    page.get_by_label("Search").fill(wanted.client_secret)
    page.get_by_label("Search").press("Enter")

    expect(page.get_by_role("link", name="another")).to_be_hidden()
    expect(page.get_by_role("link", name="wanted")).to_be_visible()
    assert [one for one in asked if wanted.client_secret[16:30] in one] == []
    assert wanted.client_secret[:16] in page.url
