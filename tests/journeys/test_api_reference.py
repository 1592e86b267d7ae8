"""The API reference in both viewers, which bring their own markup and colors: accessible by axe, closed and opened, in both themes."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.journeys.accessibility import violations

Visit = Callable[..., Page]

# A viewer draws all operations of a kind alike, and axe would take minutes for all of them: the document that the viewers are given
# has those of each kind.
OPERATIONS = {
    "whoami",
    "list_customers",
    "create_customer",
    "update_customer",
    "delete_customer",
    "download_invoice_pdf",
}
# Colors go by the theme, and what there is by the width.
SHAPES = [(390, "dark"), (1280, "light")]


def open_reference(page: Page, path: str) -> None:
    """Open a viewer of the API document, shortened to OPERATIONS."""

    def shorten(route: Route) -> None:
        response = route.fetch()
        document = response.json()
        shown: dict[str, dict[str, object]] = {}
        for url, item in document["paths"].items():
            kept = {
                name: part
                for name, part in item.items()
                if not isinstance(part, dict) or part.get("operationId") in OPERATIONS
            }
            if any(isinstance(part, dict) for part in kept.values()):
                shown[url] = kept
        document["paths"] = shown
        route.fulfill(response=response, json=document)

    page.route("**/v1/openapi.json", shorten)
    page.goto(path)


@pytest.mark.parametrize(("width", "theme"), SHAPES)
def test_swagger_ui_is_accessible_closed_opened_and_tried(visit: Visit, width: int, theme: str) -> None:
    page = visit(width=width, theme=theme)
    open_reference(page, "/docs/api/")
    summary = page.locator("#operations-customers-create_customer .opblock-summary-control")
    expect(summary).to_be_visible()
    expect(page.get_by_label("Server")).to_be_visible()
    assert violations(page) == []

    summary.click()
    page.get_by_role("button", name="Try it out").click()
    expect(page.get_by_label("Request body")).to_be_visible()
    assert violations(page) == []

    page.locator(".btn.authorize").first.click()
    expect(page.get_by_role("button", name="Close").first).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize(("width", "theme"), SHAPES)
def test_redoc_is_accessible(visit: Visit, width: int, theme: str) -> None:
    page = visit(width=width, theme=theme)
    open_reference(page, "/docs/api/redoc/")
    expect(page.locator("#redoc h5").first).to_have_attribute("aria-level", "3")
    expect(page.locator("[id='operation/create_customer']")).to_be_visible()

    assert violations(page) == []
