"""The API reference in both viewers, which bring their own markup and colours: accessible by axe, closed and opened, in both themes."""

from collections.abc import Callable

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

Visit = Callable[..., Page]

RUN = """async ([context, options]) => (await axe.run(context ?? document, { resultTypes: ["violations"], ...options })).violations
  .filter((one) => one.impact !== "minor")
  .map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 150))}`)"""
# Most of axe's time goes into contrast, and each operation looks alike: of each kind one is looked at.
KINDS_OF_OPERATIONS = (
    "whoami",
    "list_customers",
    "create_message",
    "update_customer",
    "retrieve_customer",
    "delete_customer",
)
SHAPES = [(width, theme) for width in (390, 1280) for theme in ("light", "dark")]


def faults(page: Page, inside: str | None = None, **options: object) -> list[str]:
    """Return what axe finds, in the whole page or inside the elements of one selector."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(RUN, [{"include": [inside]} if inside else None, options])
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("width", "theme"), SHAPES)
def test_swagger_ui_is_accessible_closed_opened_and_tried(visit: Visit, width: int, theme: str) -> None:
    page = visit(width=width, theme=theme)
    page.goto("/docs/api/")
    summary = page.locator("#operations-invoices-create_invoice .opblock-summary-control")
    expect(summary).to_be_visible()
    expect(page.get_by_label("Server")).to_be_visible()
    assert faults(page) == []

    summary.click()
    page.get_by_role("button", name="Try it out").click()
    expect(page.get_by_label("Request body")).to_be_visible()
    assert faults(page, "#operations-invoices-create_invoice") == []

    page.locator(".btn.authorize").first.click()
    expect(page.get_by_role("button", name="Close").first).to_be_visible()
    assert faults(page, ".dialog-ux") == []


# Redoc draws every operation at once, which takes axe a minute: each width and each theme once.
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_redoc_is_accessible(visit: Visit, width: int, theme: str) -> None:
    page = visit(width=width, theme=theme)
    page.goto("/docs/api/redoc/")
    expect(page.locator("#redoc h5").first).to_have_attribute("aria-level", "3", timeout=60_000)

    assert faults(page, rules={"color-contrast": {"enabled": False}}) == []
    for name in KINDS_OF_OPERATIONS:
        assert faults(page, f"[id='operation/{name}']", runOnly=["color-contrast"]) == [], name
    assert faults(page, "nav", runOnly=["color-contrast"]) == []
