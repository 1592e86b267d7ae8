"""An invoice as a PDF in the company's name (fpdf2; fonts in `fonts/`)."""

import logging
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from fpdf import FPDF, FPDFException
from fpdf.enums import TableBordersLayout, WrapMode, XPos, YPos
from fpdf.fonts import FontFace

from billing.models import Customer, Invoice, InvoiceLine
from core import clock
from core.currencies import decimal_text, money_text

FONTS = Path(__file__).parent / "fonts"
MARGIN_MM = 18
# Stands for the number of pages until it is known. Nobody types it: fpdf2's own `{nb}` may be part of a name.
_PAGES = "\U0010fffd\U0010fffc\U0010fffd"
GREY = (96, 100, 112)
_ADDRESS_PARTS = ("line1", "line2", "postal_code", "city", "state", "country")

# fpdf2 and fontTools note every glyph they drop from the font; a missing glyph is drawn as a box.
for _name in ("fontTools", "fpdf"):
    logging.getLogger(_name).setLevel(logging.ERROR)


def file_name(invoice: Invoice) -> str:
    """Return what the file is called: the number, or the id of a draft."""
    return f"{invoice.number or invoice.public_id}.pdf"


def render_invoice(invoice: Invoice, *, seller: str) -> bytes:
    """Return the PDF of `invoice`; one that does not stand as it is (draft, void, …, test) says so.

    A finalized invoice names the customer as it was on the day of finalization, and the same bytes come out at every call
    for the same state.
    """
    pdf = _Document(seller)
    pdf.set_creation_date(invoice.updated)
    pdf.set_title(f"Invoice {invoice.number or 'draft'}")
    pdf.set_author(seller)
    pdf.add_page()
    _head(pdf, invoice, seller)
    _parties(pdf, invoice)
    lines = sorted(invoice.lines.all(), key=lambda line: line.position)
    _lines(pdf, invoice, lines)
    _totals(pdf, invoice, lines)
    return bytes(pdf.output())


class _Document(FPDF):
    """A4 with our fonts, and the seller and the page number at the foot of each page."""

    def __init__(self, seller: str) -> None:
        super().__init__(format="A4")
        self.seller = seller
        self.add_font("sans", "", FONTS / "DejaVuSans.ttf")
        self.add_font("sans", "B", FONTS / "DejaVuSans-Bold.ttf")
        fallbacks = []
        for number, path in enumerate(settings.INVOICE_FALLBACK_FONTS):
            self.add_font(f"fallback{number}", "", path)
            fallbacks.append(f"fallback{number}")
        if fallbacks:
            self.set_fallback_fonts(fallbacks, exact_match=False)
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=MARGIN_MM + 6)
        self.set_font("sans", size=9)
        self.alias_nb_pages(_PAGES)

    def footer(self) -> None:
        """Write the foot of a page."""
        self.set_y(-MARGIN_MM)
        self.set_font("sans", size=7)
        self.set_text_color(*GREY)
        self.cell(0, 5, self.seller, align="L")
        self.set_x(MARGIN_MM)
        self.cell(0, 5, f"Page {self.page_no()} of {_PAGES}", align="R")
        self.set_text_color(0)

    def write_line(self, text: str, *, size: float = 9, bold: bool = False, grey: bool = False) -> None:
        """Write one paragraph."""
        self.set_font("sans", "B" if bold else "", size)
        self.set_text_color(*(GREY if grey else (0, 0, 0)))
        try:
            self.multi_cell(0, size * 0.5, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        except FPDFException:
            # A word that is wider than the page: break it anywhere.
            self.multi_cell(0, size * 0.5, text, wrapmode=WrapMode.CHAR, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_text_color(0)


def _head(pdf: _Document, invoice: Invoice, seller: str) -> None:
    pdf.write_line(seller, size=11, bold=True)
    pdf.ln(8)
    pdf.write_line(f"Invoice {invoice.number}" if invoice.number else "Draft invoice", size=18, bold=True)
    remarks = []
    if invoice.mode == "test":
        remarks.append("TEST: not a real invoice")
    if invoice.status in ("draft", "void", "paid", "uncollectible"):
        remarks.append(invoice.get_status_display().upper())
    if remarks:
        pdf.write_line(" · ".join(remarks), bold=True, grey=True)
    pdf.ln(4)


def _parties(pdf: _Document, invoice: Invoice) -> None:
    pdf.write_line("Billed to", grey=True)
    billed_to: dict[str, Any] = invoice.billed_to or _as_billed(invoice.customer)
    pdf.write_line(billed_to["name"], bold=True)
    address = billed_to.get("address") or {}
    for part in [address.get(name) for name in _ADDRESS_PARTS] + [billed_to.get("email")]:
        if part:
            pdf.write_line(part)
    pdf.ln(4)
    issued = (invoice.finalized_at or clock.now()).date()
    pdf.write_line(f"Date of issue: {_day(issued)}")
    if invoice.due_date:
        pdf.write_line(f"Due: {_day(invoice.due_date)}")
    pdf.ln(5)


def _lines(pdf: _Document, invoice: Invoice, lines: list[InvoiceLine]) -> None:
    pdf.set_font("sans", size=8)
    with pdf.table(
        col_widths=(46, 11, 17, 14, 10, 20),
        text_align=("LEFT", "RIGHT", "RIGHT", "RIGHT", "RIGHT", "RIGHT"),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="BOLD", color=GREY),
        line_height=5,
        padding=(1, 1),
    ) as table:
        table.row(
            ("Description", "Quantity", "Unit price", "Discount", "Tax", f"Amount ({invoice.currency})")
        )
        for line in lines:
            table.row(
                (
                    line.description,
                    f"{line.quantity:,}",
                    decimal_text(line.unit_amount, invoice.currency),
                    decimal_text(line.discount_amount, invoice.currency) if line.discount_amount else "",
                    percent_text(line.tax_rate_bps),
                    decimal_text(line.amount, invoice.currency),
                )
            )
    pdf.ln(4)


def _totals(pdf: _Document, invoice: Invoice, lines: list[InvoiceLine]) -> None:
    rows = [("Subtotal", invoice.subtotal)]
    rates = sorted({line.tax_rate_bps for line in lines if line.tax_rate_bps})
    rows += [
        (f"Tax {percent_text(rate)}", sum(line.tax for line in lines if line.tax_rate_bps == rate))
        for rate in rates
    ]
    rows.append(("Total", invoice.total))
    if invoice.amount_paid:
        rows += [("Paid", -invoice.amount_paid), ("Amount due", invoice.amount_due)]
    for label, amount in rows:
        pdf.set_font("sans", "B" if label in ("Total", "Amount due") else "", 9)
        pdf.cell(120, 6, label, align="R")
        pdf.cell(0, 6, money_text(amount, invoice.currency), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _as_billed(customer: Customer) -> dict[str, Any]:
    return {"name": customer.name, "email": customer.email, "address": customer.address}


def _day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"


def percent_text(bps: int) -> str:
    """Return basis points as a percentage: 1900 is "19 %", 770 is "7.7 %"."""
    return f"{bps / 100:g} %"
