"""From a customer to a paid and partly refunded invoice: in the browser, by a real worker, at the real sandbox gateway."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from billing.models import Charge, Refund
from core.tenancy import tenant_context
from tests.billing.factories import set_aside_due_payments
from tests.factories import World
from tests.sandbox import SandboxProcess

Visit = Callable[..., Page]
# A worker on a busy machine takes its time to start (milliseconds).
PATIENCE = 120_000


@pytest.fixture(scope="module")
def worker(gateway: SandboxProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Celery worker in a process of its own, which the application reaches through the broker."""
    set_aside_due_payments()
    current_app.control.purge()
    with (tmp_path_factory.mktemp("worker") / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "--quiet", "--app", "tests.billing.celery_worker:app", "worker",
             "--concurrency", "1", "--loglevel", "WARNING", "--without-mingle", "--without-gossip",
             "--without-heartbeat"],
            cwd=settings.BASE_DIR, env={**os.environ, "PYTHONWARNINGS": "ignore"}, stdout=log, stderr=log,
        )  # fmt: skip
        yield
        process.terminate()
        process.wait(timeout=60)


def create_customer(page: Page) -> None:
    """Create Ada from the list of customers."""
    page.goto("/customers/")
    page.get_by_role("link", name="Create customer").first.click()
    page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    page.get_by_label(re.compile("^City")).fill("London")
    page.get_by_role("button", name="Create customer").click()
    expect(page.get_by_text("Ada Lovelace was created.")).to_be_visible()


def write_draft(page: Page) -> None:
    """Write two lines for the customer whose page is open."""
    page.get_by_role("link", name="Create invoice").click()
    page.get_by_label("Description of line 1").fill("Analytical engine, one month")
    page.get_by_label("Quantity of line 1").fill("2")
    page.get_by_label("Unit price of line 1").fill("1,000.00")
    page.get_by_label("Tax % of line 1").fill("19")
    page.get_by_label("Description of line 2").fill("Punched cards")
    page.get_by_label("Unit price of line 2").fill("50")
    page.get_by_label("Discount of line 2").fill("5")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_text("The draft was saved.")).to_be_visible()
    expect(page.locator("main")).to_contain_text("€2,425.00")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_from_a_customer_to_a_paid_invoice_and_a_partial_refund(
    visit: Visit,
    sign_in_as: Callable[..., None],
    world: World,
    gateway: SandboxProcess,
    worker: None,
    tmp_path: Path,
    scripts: bool,
) -> None:
    page = visit(scripts=scripts)
    sign_in_as(page, world.owner)

    def expect_soon(text: str) -> None:
        """Wait until the page says `text`; without scripts somebody has to load it again."""
        found = page.locator("main").get_by_text(text).first
        if scripts:
            expect(found).to_be_visible(timeout=PATIENCE)
            return
        for _ in range(PATIENCE // 500):
            if found.is_visible():
                page.reload()  # the rest of the page may have been read a moment before
                return
            page.wait_for_timeout(500)
            page.reload()
        expect(found).to_be_visible()

    create_customer(page)
    write_draft(page)
    page.get_by_role("link", name="Finalize").click()
    page.get_by_role("button", name="Finalize").click()
    expect(page.get_by_role("heading", name="Invoice INV-000001")).to_be_visible()

    page.get_by_label(re.compile("^Amount")).fill("2,425.00")
    page.get_by_label("Payment method").select_option("card_success")
    page.get_by_role("button", name="Charge", exact=True).click()
    expect(page.get_by_text("Charge created.")).to_be_visible()
    expect_soon("Paid in full")
    expect(page.locator("#invoice-status")).to_have_text("paid", ignore_case=True)

    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").click()
    assert download.value.suggested_filename == "INV-000001.pdf"
    download.value.save_as(tmp_path / "invoice.pdf")
    text = PdfReader(tmp_path / "invoice.pdf").pages[0].extract_text()
    for piece in ("INV-000001", "Acme", "Ada Lovelace", "Analytical engine, one month", "2,425.00"):
        assert piece in text, piece

    page.get_by_role("link", name=re.compile("^Refund ch_")).click()
    page.get_by_label(re.compile("^Amount")).fill("425")
    page.get_by_role("button", name="Refund", exact=True).click()
    expect(page.get_by_text("Refund created.")).to_be_visible()
    expect_soon("Refund succeeded")
    expect(page.locator("main")).to_contain_text("€425.00 of €2,425.00 refunded.")
    page.goto("/invoices/?status=paid")
    expect(page.get_by_role("row", name=re.compile("INV-000001.*Ada Lovelace"))).to_be_visible()

    with tenant_context(world.tenant()):
        charge, refund = Charge.objects.get(), Refund.objects.get()
    assert [(row.status, row.amount) for row in (charge, refund)] == [
        ("succeeded", 242_500),
        ("succeeded", 42_500),
    ]
    for row in (charge, refund):
        [entry] = gateway.ledger(row.gateway_key)
        assert (entry["id"], entry["status"], entry["amount"]) == (
            row.gateway_reference,
            "succeeded",
            row.amount,
        )
