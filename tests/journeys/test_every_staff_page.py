"""Every list of the staff site, one object of each, and what its forms ask: accessible by axe in both themes, and inside a telephone."""

from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Page

from billing.services import request_tier
from core.tenancy import tenant_context
from tests.clients import sign_in
from tests.factories import SYSTEM, World, make_user
from tests.journeys.accessibility import faults_of
from tests.journeys.test_every_page import fill

# The frame of a list that is wider than its window.
SCROLLS = """[...document.querySelectorAll("#result_list")].some((list) => {
  const frame = list.closest(".simplebar-content");
  return frame.scrollWidth > frame.clientWidth;
})"""
# The first object on a list, and the form that makes one, where staff may.
LINKS = ["#result_list tbody th a[href*='/change/']", "a.addlink, a[href$='/add/']"]


def staff_lists() -> list[str]:
    """Return the address of every list of the staff site."""
    return sorted(
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    )


def pages_behind(page: Page) -> list[str]:
    """Return the addresses that the list which is open leads to: its first object, and the form for another."""
    hrefs = [
        page.locator(selector).first.get_attribute("href")
        for selector in LINKS
        if page.locator(selector).count()
    ]
    return [href for href in hrefs if href]


@pytest.mark.timeout(900)
def test_every_staff_page_is_accessible_in_both_themes_and_fits_a_phone(
    world: World, visit: Callable[..., Page], base_url: str
) -> None:
    fill(world)
    with tenant_context(world.tenant()):
        request_tier(company=world.company, tier="pro", actor=SYSTEM, requested_by=world.owner)
    staff = make_user("staff", is_staff=True, is_superuser=True)
    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    page = visit()
    page.context.add_cookies(
        [{"name": "sessionid", "value": sign_in(staff).cookies["sessionid"].value, "url": base_url}]
    )
    faults: dict[str, list[str]] = {}

    def look_at(path: str) -> None:
        answer = page.goto(path)
        assert answer is not None
        faults[path] = [f"answered {answer.status}"] if answer.status != 200 else faults_of(page)
        if page.evaluate(SCROLLS):
            faults[path].append("wider than its window")

    for path in ["/staff/", f"/staff/accounts/company/{world.company.id}/change/"]:
        look_at(path)
    for path in staff_lists():
        look_at(path)
        for behind in pages_behind(page):
            look_at(page.evaluate("(href) => new URL(href, location).pathname", behind))

    assert {path: found for path, found in faults.items() if found} == {}
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto("/staff/accounts/user/")
    label = "getComputedStyle(document.querySelector('#result_list td'), '::before').textTransform"
    assert page.evaluate(label) == "none"
    assert len(faults) > len(staff_lists()) * 1.5
