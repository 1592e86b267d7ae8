"""The PDF of an invoice, parsed by another library."""

import io
import re
from collections.abc import Callable

import pytest
from django.db.models import prefetch_related_objects
from pypdf import PdfReader

from apikeys.services import IssuedKey
from billing import services
from billing.export.invoice_pdf import render_invoice
from billing.models import Invoice
from billing.representations import buyer_snapshot, seller_snapshot
from billing.selectors import current_seller
from billing.services.errors import InvoiceIncomplete
from core.tenancy import tenant_context
from tests.billing.factories import make_invoice, make_settled_charge
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, make_customer, make_seller

ADDRESS = {"line1": "12 St James's Square", "postal_code": "SW1Y 4JH", "city": "London", "country": "GB"}


def document(invoice: Invoice, seller: str | None = None) -> bytes:
    """As in billing.export.documents: read in a transaction, rendered outside of it."""
    with tenant_context(invoice.tenant):
        invoice.refresh_from_db()
        prefetch_related_objects([invoice], "lines", "customer")
        issued_by = invoice.seller or seller_snapshot(current_seller())
        buyer = invoice.billed_to or buyer_snapshot(invoice.customer)
    issued_by = {**issued_by, "legal_name": seller or issued_by["legal_name"] or "Acme"}
    return render_invoice(invoice, seller=issued_by, buyer=buyer)


def pages(invoice: Invoice, seller: str | None = None) -> list[str]:
    data = document(invoice, seller)
    return [re.sub(r"\s+", " ", page.extract_text()) for page in PdfReader(io.BytesIO(data)).pages]


def test_document_shows_seller_buyer_and_amounts(world: World) -> None:
    lines = [
        {"description": "Difference engine", "quantity": 2, "unit_amount": 123_456, "tax_rate_bps": 1_900},
        {
            "description": "Coal",
            "quantity": 1,
            "unit_amount": 1_000,
            "tax_rate_bps": 770,
            "discount_amount": 100,
        },
    ]
    customer = make_customer(world.tenant(), name="Ada Lovelace", email="ada@example.com", address=ADDRESS)
    invoice = make_invoice(world.tenant(), customer=customer, lines=lines, finalize=True)
    [text] = pages(invoice, seller="Babbage & Sons")
    for part in (
        "Babbage & Sons", "Invoice INV-000001", "Ada Lovelace", "12 St James's Square", "SW1Y 4JH London United Kingdom", "ada@example.com",
        "Difference engine", "1,234.56", "2,469.12", "7.7 %", "Subtotal €2,478.12", "Tax 19 % €469.13",
        "Tax 7.7 % €0.69", "Total €2,947.94",
    ):  # fmt: skip
        assert part in text, part


@pytest.mark.parametrize(("currency", "total"), [("JPY", "¥11,900"), ("KWD", "11.900 KWD")])
def test_amounts_have_the_currencys_decimals(world: World, currency: str, total: str) -> None:
    assert f"Total {total}" in pages(make_invoice(world.tenant(), currency=currency, finalize=True))[0]


def test_customer_name_that_looks_like_a_page_placeholder_is_printed(world: World) -> None:
    customer = make_customer(world.tenant(), name="Curly {nb} Ltd")
    invoice = make_invoice(
        world.tenant(),
        customer=customer,
        lines=[{"description": "{nb} braces", "quantity": 1, "unit_amount": 1, "tax_rate_bps": 0}],
    )
    [text] = pages(invoice, seller="Acme {nb}")
    for part in ("Curly {nb} Ltd", "{nb} braces", "Acme {nb}", "Page 1 of 1"):
        assert part in text


def test_drafts_test_invoices_and_void_invoices_are_marked(world: World) -> None:
    assert "DRAFT" in pages(make_invoice(world.tenant()))[0]
    test_text = pages(make_invoice(world.tenant("test"), finalize=True))[0]
    assert "TEST: not a real invoice" in test_text
    void = make_invoice(world.tenant(), finalize=True)
    with tenant_context(world.tenant()):
        services.void_invoice(invoice=void, actor=SYSTEM)
    assert "VOID" in pages(void)[0]
    paid = make_invoice(world.tenant(), finalize=True)
    make_settled_charge(world.tenant(), invoice=paid)
    assert "PAID" in pages(paid)[0]
    assert "Amount due €0.00" in pages(paid)[0]


def test_finalized_invoice_keeps_the_customer_details_of_its_day(world: World) -> None:
    customer = make_customer(world.tenant(), name="Ada Lovelace")
    invoice = make_invoice(world.tenant(), customer=customer, finalize=True)
    before = document(invoice)
    with tenant_context(world.tenant()):
        services.update_customer(customer=customer, actor=SYSTEM, name="Somebody Else")
    make_seller(world.tenant(), legal_name="Another GmbH")
    assert document(invoice) == before
    assert "Acme Maschinenbau GmbH" in pages(invoice)[0]
    assert "Ada Lovelace" in pages(invoice)[0]


def test_many_lines_span_several_pages(world: World) -> None:
    lines = [{"description": f"Position {number}", "quantity": 1, "unit_amount": 1} for number in range(100)]
    found = pages(make_invoice(world.tenant(), lines=lines))
    assert len(found) > 2
    assert "Position 99" in found[-1]
    assert f"Page {len(found)} of {len(found)}" in found[-1]


@pytest.mark.parametrize(
    "name", ["W" * 200, "Ωμέγα Ґалина Ångström", "株式会社", "مريم", "a\u0301\u200bb", "<b>&amp;</b> **x** %s {nb}", "🦆🦆"]
)  # fmt: skip
def test_any_name_can_be_printed(world: World, name: str) -> None:
    customer = make_customer(world.tenant(), name=name)
    lines = [{"description": name * 2, "quantity": 1, "unit_amount": 1}]
    assert len(pages(make_invoice(world.tenant(), customer=customer, lines=lines), seller=name)) == 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Tablet \U00010380", "U+10380"),
        ("Work\x1b[2J", "U+001B"),
        ("Work\x0bor play", "U+000B"),
        ("\ufffe", "U+FFFE"),
        # No font has it as one glyph: two people side by side would be another sign.
        ("\U0001f600\u200d\U0001f600", "U+1F600 U+200D U+1F600"),
        ("\U0001f1ff\U0001f1ff", "U+1F1FF U+1F1FF"),
    ],
)
def test_character_without_a_font_is_reported_before_the_invoice_is_issued(
    world: World, text: str, named: str
) -> None:
    lines = [{"description": text, "quantity": 1, "unit_amount": 1}]
    draft = make_invoice(world.tenant(), lines=lines)

    with tenant_context(world.tenant()), pytest.raises(InvoiceIncomplete) as refused:
        services.finalize_invoice(invoice=draft, actor=SYSTEM)

    [field] = refused.value.facts["fields"]
    assert (field["field"], field["code"]) == ("lines.0.description", "unprintable")
    assert named in field["message"]
    with tenant_context(world.tenant()):
        draft.refresh_from_db()
    assert (draft.status, draft.number) == (Invoice.Status.DRAFT, None)


EMOJI = ["👩‍👩‍👧", "🏳️‍🌈", "👍🏽", "🇩🇪", "1️⃣", "❤️", "👩🏻‍❤️‍💋‍👨🏿", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]


@pytest.mark.parametrize("around", ["Kit {}", "{}" * 30, "שלום {} עולם", "مرحبا {}"])
def test_emoji_of_several_characters_is_one_glyph(world: World, around: str) -> None:
    """Checked by the glyphs on the page, not by the extracted text, which was also right when the parts were drawn side by side."""
    lines = [{"description": around.replace("{}", emoji), "quantity": 1, "unit_amount": 1} for emoji in EMOJI]
    found = document(make_invoice(world.tenant(), lines=lines, finalize=True))

    assert drawn_by("NotoEmoji", found) == {emoji.replace("\ufe0f", "") for emoji in EMOJI}


def drawn_by(face: str, pdf: bytes) -> set[str]:
    """Return the text of each glyph of a font, without variation selectors."""
    found = set()
    for page in PdfReader(io.BytesIO(pdf)).pages:
        for font in (each.get_object() for each in page["/Resources"]["/Font"].values()):  # type: ignore[index]
            if face in font["/BaseFont"]:
                glyphs = re.findall(r"<[0-9A-F]{4}> <([0-9A-F]+)>\n", font["/ToUnicode"].get_data().decode())
                found |= {bytes.fromhex(each).decode("utf-16-be").replace("\ufe0f", "") for each in glyphs}
    return found - {"", "\0", " ", "\uffff"}  # the last is the end of the range of codes


def test_long_numbers_are_never_split_across_lines(world: World) -> None:
    lines = [
        {
            "description": "W" * 300,
            "quantity": "0.000001",
            "unit_amount": 999_999_999_999,
            "discount_amount": 0,
        }
    ]
    lines += [{"description": "Rest", "quantity": 1, "unit_amount": 900_000_000_000}]
    text = document(make_invoice(world.tenant(), lines=lines, finalize=True))
    words = PdfReader(io.BytesIO(text)).pages[0].extract_text().split()
    for number in ("9,999,999,999.99", "9,000,000,000.00", "0.000001"):
        assert number in words


def test_matching_etag_of_the_document_gets_304(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    client = api(issue_key(world.company, ["invoices:read"]).client_secret)
    path = f"/v1/invoices/{invoice.public_id}/pdf"

    tag = client.get(path).headers["ETag"]

    again = client.get(path, headers={"If-None-Match": tag})
    assert (again.status, again.content) == (304, b"")
