"""A message's story in the browser: compose it, find it in the local mailbox, suppress its address, see that it holds."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from messaging.services import send_due_messages
from tests.factories import World, prove_senders

Visit = Callable[..., Page]

# A label ends in "optional" where the field may stay empty.
TO, TEXT = re.compile("^To( |$)"), re.compile("^Text( |$)")


def compose(page: Page, subject: str) -> None:
    """Write to Ada from the list of messages."""
    page.goto("/messages/")
    page.get_by_role("link", name="Write a message").first.click()
    page.get_by_label(TO).fill("Ada Lovelace <ada@example.com>\nbob@example.com")
    page.get_by_label(re.compile("^Subject")).fill(subject)
    page.get_by_label(TEXT).fill("Hi Ada,\nspring is here.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("The message is being sent.")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_compose_read_in_the_mailbox_suppress(
    visit: Visit, sign_in_as: Callable[..., None], world: World, settings: Any, tmp_path: Any, scripts: bool
) -> None:
    settings.DATA_DIR = tmp_path
    settings.MESSAGING_PROVIDERS = {"email": "file", "sms": "file"}
    prove_senders(world)
    page = visit(scripts=scripts)
    sign_in_as(page, world.owner)

    compose(page, "Spring news")
    send_due_messages(seconds=30)
    page.reload()
    expect(page.get_by_role("heading", name="Recipients")).to_be_visible()
    expect(page.locator(".timeline").first).to_contain_text("Sent")

    page.goto("/messages/")
    page.get_by_role("link", name="Local mailbox").click()
    page.get_by_role("link", name="Spring news").click()
    expect(page.get_by_text("Ada Lovelace <ada@example.com>").first).to_be_visible()
    expect(page.get_by_text("spring is here.").first).to_be_visible()

    page.goto("/messages/suppressions/")
    page.get_by_label("Address").first.fill("ADA@example.com")
    page.get_by_role("button", name="Suppress", exact=True).click()
    expect(page.get_by_text("Nothing is sent to ADA@example.com from now on.")).to_be_visible()

    compose(page, "Second thoughts")
    send_due_messages(seconds=30)
    page.reload()
    cards = page.locator("section.card").filter(has=page.locator(".timeline"))
    expect(cards.nth(0)).to_contain_text("Suppressed")
    expect(cards.nth(1)).to_contain_text("Sent")
    page.goto("/messages/mailbox/")
    expect(page.get_by_role("cell", name="bob@example.com")).to_have_count(2)


def test_refused_address_is_explained_at_its_field(
    visit: Visit, sign_in_as: Callable[..., None], world: World
) -> None:
    page = visit(width=360)
    sign_in_as(page, world.owner)
    page.goto("/messages/new/")
    page.get_by_label(TO).fill("ada@example.com, nobody")
    page.get_by_label(re.compile("^Subject")).fill("S")
    page.get_by_label(TEXT).fill("T")
    page.get_by_role("button", name="Send", exact=True).click()

    expect(page.get_by_text("Address 2: This is not an email address.", exact=True)).to_be_visible()
    expect(page.get_by_label(TO)).to_have_value("ada@example.com, nobody")
