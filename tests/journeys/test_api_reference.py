"""The API reference in both viewers, which bring their own markup and colors: accessible by axe, closed and opened, in both themes."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.journeys.accessibility import violations

Visit = Callable[..., Page]

# A viewer draws all operations of a kind alike, all events too, and axe would take minutes for all of them: the document that the
# viewers are given has those of each kind, and the components that they refer to.
OPERATIONS = {
    "whoami",
    "list_customers",
    "create_customer",
    "update_customer",
    "delete_customer",
    "download_invoice_pdf",
}
EVENTS = {"customer.updated", "charge.succeeded"}
# Colors go by the theme, and what there is by the width.
SHAPES = [(390, "dark"), (1280, "light")]


def shorten(document: dict[str, Any]) -> None:
    """Leave only OPERATIONS and EVENTS in the document, and what they refer to."""
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
    document["webhooks"] = {name: item for name, item in document["webhooks"].items() if name in EVENTS}

    components = document["components"]
    needed: set[tuple[str, ...]] = set()
    new = references_in([shown, document["webhooks"]])
    while new:
        needed |= new
        new = {found for kind, name in new for found in references_in(components[kind][name])} - needed
    for kind in components.keys() - {"securitySchemes", "schemas"}:
        components[kind] = {name: part for name, part in components[kind].items() if (kind, name) in needed}
    # Swagger UI draws a long list of schemas in another way than a short one.
    for name in components["schemas"]:
        if ("schemas", name) not in needed:
            components["schemas"][name] = {"type": "object"}


def references_in(part: object) -> set[tuple[str, ...]]:
    """Return the kind and the name of every component that this part of the document refers to."""
    return {tuple(found) for found in re.findall(r'"#/components/([^/"]+)/([^/"]+)"', json.dumps(part))}


def open_reference(page: Page, path: str) -> None:
    """Open a viewer of the API document, which is shortened."""

    def answer(route: Route) -> None:
        response = route.fetch()
        document = response.json()
        shorten(document)
        route.fulfill(response=response, json=document)

    page.route("**/v1/openapi.json", answer)
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
