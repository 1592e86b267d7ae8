"""The picker of a webhook endpoint's events: groups that are ticked in part, a search, and a payload shown in place."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts.models import User
from core.tenancy import tenant_context
from tests.factories import World
from tests.journeys.accessibility import violations
from webhooks.models import Endpoint
from webhooks.samples import sample_object


def test_events_are_picked_by_group_and_looked_at(
    world: World, visit: Callable[..., Page], sign_in_as: Callable[[Page, User], None]
) -> None:
    sample_object(
        "customer.created", mode="live"
    )  # the API document of this suite is made anew, which takes seconds
    page = visit(width=360)
    sign_in_as(page, world.owner)
    page.goto("/webhooks/create/")

    expect(page.get_by_label("customer.created", exact=True)).to_be_checked()
    page.get_by_label("All events, including future ones").first.uncheck()
    page.get_by_label("customer.created", exact=True).check()
    assert page.locator('[id="event-customer.*"]').evaluate("box => box.indeterminate")
    page.get_by_label("invoice.*", exact=True).check()
    expect(page.get_by_label("invoice.paid", exact=True)).to_be_checked()
    page.get_by_label("refund.*", exact=True).check()
    page.get_by_label("refund.created", exact=True).uncheck()
    expect(page.get_by_label("refund.*", exact=True)).not_to_be_checked()
    page.get_by_label("Find an event").fill("customer created")
    expect(page.get_by_label("invoice.paid", exact=True)).to_be_hidden()
    page.get_by_role("link", name="Payload of customer.created").click()
    expect(page.locator(".event-payload", has_text='"type": "customer.created"')).to_be_visible()
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert violations(page) == []
    page.get_by_label("URL").fill("https://example.com/hook")
    page.get_by_role("button", name="Add endpoint").click()
    expect(page.get_by_role("heading", name="Add endpoint")).to_have_count(0)

    with tenant_context(world.tenant()):
        [endpoint] = Endpoint.objects.all()
    assert {"customer.created", "invoice.*", "refund.succeeded", "refund.failed"} <= set(endpoint.events)
    assert not {"*", "refund.*", "refund.created", "invoice.paid", "customer.updated"} & set(endpoint.events)
