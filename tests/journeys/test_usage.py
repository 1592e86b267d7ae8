"""The charts of the usage page in a browser: what a bar says, and where it leads, by pointer, by touch and by keyboard."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts.models import User
from audit.ingest.store import store
from tests.audit.rows import make_row
from tests.factories import World

Visit = Callable[..., Page]
SignIn = Callable[[Page, User], None]


def test_bar_of_the_chart_shows_its_count_and_links_to_its_requests(
    world: World, visit: Visit, sign_in_as: SignIn
) -> None:
    # given: two requests that were answered, and one that was refused
    refused = {"status": 403, "refused_by": "ip_not_allowed", "path": "/v1/refused", "trace": []}
    store([make_row(world.company.id), make_row(world.company.id), make_row(world.company.id, **refused)])
    page = visit()
    sign_in_as(page, world.owner)
    page.goto("/requests/usage/?period=24h")
    bar = page.locator(".chart-wide .chart-column:has(rect.series-5)").first

    # when: the pointer rests on the bar
    bar.locator("rect.series-2").hover()
    # then
    readout = page.locator(".chart-readout:visible")
    expect(readout).to_contain_text("Successful2")
    expect(readout).to_contain_text("Address refused1")
    expect(readout).to_contain_text("Total3")
    # when: its refused part is pressed
    bar.locator("rect.series-5").click()
    # then
    page.wait_for_url("**/requests/?**outcome=ip")
    expect(page.locator("#request-rows tr")).to_have_count(1)
    expect(page.locator("#request-rows")).to_contain_text("/v1/refused")


def test_tapping_a_bar_shows_its_numbers_with_links(world: World, visit: Visit, sign_in_as: SignIn) -> None:
    store([make_row(world.company.id)])
    page = visit(width=360)
    sign_in_as(page, world.owner)
    page.goto("/requests/usage/?period=24h")

    page.locator(".chart-narrow .chart-column:has(rect.series-2)").first.evaluate(
        "column => column.dispatchEvent(new PointerEvent('click', {bubbles: true, pointerType: 'touch'}))"
    )

    page.locator(".chart-readout:visible").get_by_role("link", name="1", exact=True).first.click()
    page.wait_for_url("**/requests/?**outcome=ok")
