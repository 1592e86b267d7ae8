"""A company's first newsletter in the browser: prove the domain, send, and somebody leaves it by one click."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from messaging.services import check_due_domains, send_due_messages
from tests.factories import World
from tests.messaging.dns_server import Zone, dns_server
from tests.messaging.smtp import Mailhost, mail_server

Visit = Callable[..., Page]


def set_records(page: Page, zone: Zone) -> None:
    """Set what the page of the domain asks for, as the company's administrator would."""
    kinds = page.locator("section.card").filter(has=page.locator("[id^=name-]"))
    for number in range(1, kinds.count() + 1):
        card = kinds.nth(number - 1)
        kind = "CNAME" if card.get_by_text("CNAME", exact=True).count() else "TXT"
        zone.add(
            str(page.locator(f"#name-{number}").input_value()),
            kind,
            str(page.locator(f"#value-{number}").input_value()),
        )


def write_newsletter(page: Page, subject: str) -> None:
    """Write bulk mail to Ada, and send it."""
    page.goto("/messages/new/")
    page.get_by_label(re.compile("^To( |$)")).fill("ada@example.com")
    page.get_by_label(re.compile("^Subject")).fill(subject)
    page.get_by_label(re.compile("^Text( |$)")).fill("Spring is here.")
    page.get_by_text("More: HTML, sender").click()
    page.get_by_label(re.compile("^From")).fill("news@acme.example")
    page.get_by_label(re.compile("^Bulk mail topic")).fill("newsletter")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("The message is being sent.")).to_be_visible()
    send_due_messages(seconds=30)
    page.reload()


def link_in(mailhost: Mailhost) -> str:
    """Return the path behind the link of the one mail that arrived."""
    [received] = mailhost.received
    return urlsplit(received.message["List-Unsubscribe"].strip("<>")).path


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_prove_a_domain_send_and_be_left_by_one_click(
    visit: Visit,
    sign_in_as: Callable[..., None],
    world: World,
    settings: Any,
    scripts: bool,
) -> None:
    with dns_server() as zone, mail_server() as (mailhost, url):
        settings.MESSAGING_DNS_RESOLVERS = [zone.address]
        settings.MESSAGING_SMTP_URL = url
        settings.MESSAGING_PROVIDERS = {"email": "smtp", "sms": "file"}
        page = visit(scripts=scripts)
        sign_in_as(page, world.owner)

        page.goto("/messages/senders/")
        page.get_by_label("Domain").fill("acme.example")
        page.get_by_role("button", name="Add domain").click()
        expect(page.get_by_text("acme.example was added.")).to_be_visible()
        set_records(page, zone)
        page.get_by_role("button", name="Verify now").click()
        expect(page.get_by_text("Checking the records.")).to_be_visible()
        check_due_domains()
        if not scripts:  # with them the page looks by itself
            page.reload()
        expect(page.get_by_text("Verified: you can send from this domain")).to_be_visible()

        write_newsletter(page, "Spring news")
        expect(page.locator(".timeline").first).to_contain_text("Sent")

        stranger = visit(scripts=scripts)
        stranger.goto(link_in(mailhost))
        stranger.get_by_role("button", name="Unsubscribe").click()
        expect(stranger.get_by_role("heading", name="You are unsubscribed")).to_be_visible()

        page.goto("/messages/suppressions/?topic=newsletter")
        row = page.get_by_role("row").filter(has_text="ada@example.com")
        expect(row).to_contain_text("Unsubscribe")
        write_newsletter(page, "More spring news")
        expect(page.locator(".timeline").first).to_contain_text("Suppressed")
        assert len(mailhost.received) == 1
