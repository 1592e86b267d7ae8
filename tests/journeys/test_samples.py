"""The samples of the documentation as tabs: one choice of a language for all of them, on this page and on the next."""

from collections.abc import Callable

from playwright.sync_api import Page, expect


def test_choosing_a_language_once_applies_to_every_sample(visit: Callable[..., Page]) -> None:
    page = visit()
    page.goto("/docs/idempotency/")
    expect(page.locator("pre:visible", has_text="--retry 4")).to_have_count(1)

    last = page.locator(".tabs").last.locator("label", has_text="Go")
    last.scroll_into_view_if_needed()
    before = last.bounding_box()
    last.click()

    expect(page.locator("pre:visible", has_text="package main")).to_have_count(2)
    expect(page.locator("pre:visible", has_text="--retry 4")).to_have_count(0)
    after = last.bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 2

    page.goto("/docs/quickstart/")
    expect(page.locator("pre:visible", has_text="package main")).to_have_count(2)
    # What has no such tab stays as it is.
    expect(page.locator("pre:visible", has_text="export POMELO_SECRET")).to_have_count(1)


def test_the_tabs_work_without_scripts(visit: Callable[..., Page]) -> None:
    page = visit(scripts=False)
    page.goto("/docs/idempotency/")
    page.locator(".tabs").last.locator("label", has_text="Python").click()
    expect(page.locator("pre:visible", has_text="import requests")).to_have_count(1)
