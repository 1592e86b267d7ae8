"""After an invoice is issued: paid by a transfer that was mistyped once, then partly credited, in the browser."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.billing.factories import make_invoice
from tests.factories import World


def test_paid_by_a_transfer_undone_once_and_partly_credited(
    visit: Callable[..., Page], sign_in_as: Callable[..., None], world: World, tmp_path: Path
) -> None:
    # Given an open invoice over 119.00 EUR
    invoice = make_invoice(world.tenant(), finalize=True)
    page = visit()
    sign_in_as(page, world.owner)
    page.goto(f"/invoices/{invoice.public_id}/")

    # When all of it is recorded, by mistake
    page.get_by_role("link", name="Record payment").click()
    page.get_by_label("Reference").fill("RF18 5390")
    page.get_by_role("button", name="Record payment").click()
    expect(page.get_by_text("The payment was recorded.")).to_be_visible()
    expect(page.locator("#invoice-status")).to_have_text("paid", ignore_case=True)

    # And undone, with a reason
    page.get_by_role("link", name=re.compile("^Undo")).click()
    page.get_by_label("Reason").fill("Another customer's transfer")
    page.get_by_role("button", name="Undo payment").click()
    expect(page.locator("#invoice-status")).to_have_text("open", ignore_case=True)
    expect(page.locator("#payments")).to_contain_text("Undone: Another customer's transfer")

    # And paid again, and credited in part
    page.get_by_role("link", name="Record payment").click()
    page.get_by_role("button", name="Record payment").click()
    page.get_by_role("link", name="Credit").click()
    page.get_by_label("Consulting").fill("500.00")
    page.get_by_role("button", name="Issue credit note").click()
    expect(page.get_by_text("At most 100.00 is left of this line.", exact=True)).to_be_visible()
    page.get_by_label("Consulting").fill("10.00")
    page.get_by_label("Reason").select_option("order_change")
    page.get_by_role("button", name="Issue credit note").click()

    # Then the credit note says what it takes back, on the page and on paper
    expect(page.get_by_role("heading", name="Credit note CN-000001")).to_be_visible()
    expect(page.locator("main")).to_contain_text("€11.90")
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").click()
    download.value.save_as(tmp_path / "note.pdf")
    text = "\n".join(sheet.extract_text() for sheet in PdfReader(tmp_path / "note.pdf").pages)
    assert "Credit note CN-000001" in text
    assert "On invoice INV-000001 of" in text
    assert "€11.90" in text

    # And the invoice too
    page.get_by_role("link", name="INV-000001").first.click()
    expect(page.locator("main")).to_contain_text("€0.00, and €11.90 already paid")
