"""Renders a credit note as a PDF with the layout and wording of its invoice, which it names."""

from typing import Any

from billing.export.coverage import characters_of
from billing.export.factur_x import credit_note_xml, supports_factur_x
from billing.export.parts import (
    country_of,
    exemption_of,
    write_buyer,
    write_notes,
    write_purchase_order,
    write_remarks,
    write_seller,
)
from billing.export.sheet import Sheet
from billing.export.words import WORDS
from billing.models import CreditNote, CreditNoteLine, Customer, SellerLogo
from billing.representations import credit_breakdown


def render_credit_note(note: CreditNote, *, seller: dict[str, Any], logo: SellerLogo | None = None) -> bytes:
    """Return the PDF of `note`, marked if it is void or in test mode. The same state produces identical bytes."""
    buyer = note.billed_to
    words = WORDS[buyer.get("language") or seller["language"]]
    lines = sorted(note.lines.all(), key=lambda line: line.position)
    written = [note.memo, note.invoice.tax_note, note.invoice.purchase_order]
    written += [line.invoice_line.description for line in lines]
    pdf = Sheet(
        seller=seller["legal_name"],
        footer=seller["footer"],
        words=words,
        made=note.created,
        title=f"{words.credit_note} {note.number}",
        text=characters_of(seller, buyer, written),
        country=country_of(buyer),
    )
    if supports_factur_x(note, seller=seller, buyer=buyer):
        exemption = exemption_of(note.invoice, words)
        pdf.attach_xml(credit_note_xml(note, lines, seller=seller, buyer=buyer, exemption=exemption))
    write_seller(pdf, seller, logo)
    _head(pdf, note)
    write_buyer(pdf, buyer)
    pdf.write_line(f"{words.issued}: {words.day(note.created.date())}")
    write_purchase_order(pdf, note.invoice)
    _lines(pdf, note, lines)
    _totals(pdf, note, lines)
    write_notes(pdf, note.invoice, memo=note.memo)
    return pdf.finished()


def _head(pdf: Sheet, note: CreditNote) -> None:
    words, invoice = pdf.words, note.invoice
    pdf.write_line(f"{words.credit_note} {note.number}", size=18, bold=True)
    if invoice.finalized_at:
        day = words.day(invoice.finalized_at.date())
        pdf.write_line(words.on_invoice.format(number=invoice.number, day=day))
    write_remarks(pdf, mode=note.mode, status=words.void if note.status == CreditNote.Status.VOID else "")


def _lines(pdf: Sheet, note: CreditNote, lines: list[CreditNoteLine]) -> None:
    words, currency = pdf.words, note.invoice.currency
    is_exempt = note.invoice.tax_exempt != Customer.TaxExemption.NONE
    pdf.write_table(
        (words.description, words.quantity, words.tax, f"{words.amount} ({currency})"),
        [
            (
                line.invoice_line.description,
                "" if line.quantity is None else words.quantity_text(line.quantity),
                words.percent(0 if is_exempt else line.invoice_line.tax_rate_bps),
                words.decimal(line.amount, currency),
            )
            for line in lines
        ],
    )


def _totals(pdf: Sheet, note: CreditNote, lines: list[CreditNoteLine]) -> None:
    words, currency = pdf.words, note.invoice.currency
    rows = [(words.subtotal, note.subtotal, False)]
    rows += [
        (f"{words.tax} {words.percent(each['tax_rate_bps'])}", each["tax"], False)
        for each in credit_breakdown(note, lines)
        if each["tax_rate_bps"]
    ]
    rows.append((words.total, note.total, True))
    if note.post_payment_amount:
        rows.append((words.given_back, note.post_payment_amount, False))
    for label, amount, bold in rows:
        pdf.write_row(label, words.money(amount, currency), bold=bold)
