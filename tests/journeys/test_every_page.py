"""Every page of the dashboard: accessible by axe, inside the window at 360 px, in both themes, by keyboard."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import Error, Page, expect

from accounts.models import User
from audit.ingest.store import store
from core.tenancy import Tenant
from core.values import ids
from tests.audit.rows import make_row
from tests.contracts.pages import list_pages, sample_of
from tests.factories import World, make_customer, make_key, make_user
from tests.journeys.accessibility import colors_in_the_dark, faults_of, violations

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]

# Addresses without parameters that answer GET with something else than a page.
NOT_PAGES = ("healthz", "readyz", "metrics", "v1/", "staff/", "docs/api")
ENTRANCE = [
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/docs/quickstart/",
    "/found-key/",
    "/found-key/thanks/",
    "/nowhere/",
]


def pages_of_the_dashboard() -> list[str]:
    """Return every address without a parameter that this application mounts, so that a new page cannot be forgotten."""
    found: list[str] = []

    def walk(patterns: list[Any], prefix: str) -> None:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern) and "<" not in route and "(?P" not in route:
                found.append("/" + route.replace("^", "").replace("$", "").replace(r"\Z", ""))

    walk(get_resolver().url_patterns, "")
    return sorted({path for path in found if not path[1:].startswith(NOT_PAGES) and "\\" not in path})


def opens(page: Page, path: str) -> bool:
    """Open the address if it is a page: some answer POST only, with nothing for a browser to show.

    A refusal, or a page that finds nothing, is a page too.
    """
    try:
        answer = page.goto(path)
    except Error as error:
        if "Download is starting" in error.message:
            return False
        raise
    assert answer is not None
    if answer.request.redirected_from is not None:  # to a page with an address of its own
        return False
    if answer.status == 405 or "text/html" not in answer.headers["content-type"]:
        return False
    # The preview of a message: where no script may run, axe would wait for ever.
    return "sandbox" not in answer.headers.get("content-security-policy", "")


def fill(world: World) -> list[str]:
    """Give the company something to show, of each kind; returns the addresses of the pages of single objects."""
    make_key(world.company, name="a-rather-long-name-for-an-integration-that-does-a-lot")
    make_key(world.company, kind="browser", allowed_origins=["https://shop.example"], name="shop")
    make_customer(world.tenant(), name="Somebody with a very long name " * 3)
    row = make_row(world.company.id, path=f"/v1/customers/{'a' * 60}")
    store([row])
    objects: dict[Callable[[Tenant], str], str] = {}  # by what makes them
    paths = []
    for page in list_pages():
        if page.parameters:
            make = sample_of(page)
            if make not in objects:
                objects[make] = make(world.tenant())
            paths.append(page.path(objects[make]))
    customer = make_customer(world.tenant()).public_id
    return [
        *paths,
        f"/requests/{ids.encode('req', UUID(row[0]))}/",
        f"/customers/selected/delete/?customer={customer}",
    ]


@pytest.mark.timeout(900)
def test_every_page_is_accessible_in_both_themes_and_fits_a_phone(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    single = fill(world)
    page = visit()
    faults: dict[str, list[str]] = {}
    for path in ENTRANCE:
        page.goto(path)
        faults[path] = faults_of(page)
    sign_in_as(page, world.owner)
    for path in [*pages_of_the_dashboard(), *single, "/docs/concepts/", "/docs/rate-limits/"]:
        if opens(page, path):
            faults[path] = faults_of(page)

    assert {path: found for path, found in faults.items() if found} == {}
    assert {"/", "/keys/", "/keys/new/", "/team/", "/settings/", "/profile/"} <= faults.keys()


def test_pages_in_test_mode_are_accessible(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/")
    page.get_by_role("button", name="Test", exact=True).first.click()
    faults: dict[str, list[str]] = {}
    for path in ("/", "/keys/", "/customers/", "/docs/quickstart/"):
        page.goto(path)
        expect(page.get_by_text("Test mode: only test data is shown")).to_be_visible()
        faults[path] = faults_of(page)

    assert {path: found for path, found in faults.items() if found} == {}


def test_chosen_dark_theme_has_the_colors_of_a_dark_system(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    page = visit()
    sign_in_as(page, world.owner)
    for path in ("/team/", "/docs/quickstart/"):
        page.goto(path)
        chosen, of_the_system = colors_in_the_dark(page)
        assert chosen == of_the_system
        page.emulate_media(color_scheme="light")
        assert page.evaluate("window.readColors()") != chosen


def test_the_skip_link_comes_first_and_works(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/team/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_dialog_can_be_used_by_keyboard(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/team/")
    opener = page.get_by_role("link", name=f"Remove {world.teammate.name}")

    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")

    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    expect(page.get_by_role("table")).to_contain_text(world.teammate.name)


def test_menu_can_be_used_by_keyboard(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/")
    summary = page.locator(".sidebar details.switcher summary").first

    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="New company").first).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")

    expect(page.get_by_role("link", name="New company").first).to_be_hidden()
    expect(summary).to_be_focused()


def test_removing_somebody_without_scripts(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    page = visit(scripts=False)
    sign_in_as(page, world.owner)
    page.goto("/team/")

    page.get_by_role("link", name=f"Remove {world.teammate.name}").click()
    page.get_by_role("button", name="Remove", exact=True).click()

    expect(page.get_by_text("was removed from the company")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_the_theme_changes_and_stays(world: World, visit: Visit, sign_in_as: SignIn, scripts: bool) -> None:
    page = visit(scripts=scripts, theme="light")
    sign_in_as(page, world.owner)
    page.goto("/")
    html = page.locator("html")

    page.get_by_role("button", name="Dark theme").last.click()
    expect(html).to_have_attribute("data-theme", "dark")
    page.goto("/team/")
    expect(html).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="System theme").last.click()
    expect(html).not_to_have_attribute("data-theme", "dark")


def test_the_mobile_menu_works_without_scripts(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    page = visit(width=360, scripts=False)
    sign_in_as(page, world.owner)
    page.goto("/")

    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Team", exact=True).click()

    expect(page.get_by_role("heading", name="Team", level=1)).to_be_visible()


def test_the_mobile_menu_closes_when_the_page_becomes_wide(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    page = visit(width=360)
    sign_in_as(page, world.owner)
    page.goto("/")
    button = page.get_by_role("button", name="Menu")

    button.click()
    expect(page.get_by_role("link", name="Team", exact=True)).to_be_visible()
    assert violations(page) == []
    page.set_viewport_size({"width": 1280, "height": 900})

    expect(page.locator(":popover-open")).to_have_count(0)
    expect(page.get_by_role("link", name="Team", exact=True)).to_be_visible()
    expect(button).to_be_hidden()


def test_person_without_a_company_is_asked_to_create_one(visit: Visit, sign_in_as: SignIn) -> None:
    person = make_user("newcomer")
    page = visit()
    sign_in_as(page, person)
    page.goto("/")

    expect(page.get_by_role("heading", name="Create your company")).to_be_visible()
