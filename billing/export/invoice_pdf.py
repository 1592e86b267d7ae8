"""Renders an invoice as a PDF, in the seller's name and the customer's document language."""

from typing import Any

from billing.export.coverage import characters_of
from billing.export.factur_x import invoice_xml, supports_factur_x
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
from billing.models import Customer, Invoice, InvoiceLine, SellerLogo
from billing.representations import tax_breakdown
from core import clock


def file_name(invoice: Invoice) -> str:
    """Return the file name: the number, or the ID of a draft."""
    return f"{invoice.number or invoice.public_id}.pdf"


def render_invoice(
    invoice: Invoice, *, seller: dict[str, Any], buyer: dict[str, Any], logo: SellerLogo | None = None
) -> bytes:
    """Return the PDF of `invoice`, marked if it is not final (draft, void, …, test).

    `seller` and `buyer` are the snapshots of a finalized invoice (billing.representations), or the current details. The same state
    produces identical bytes.
    """
    words = WORDS[buyer.get("language") or seller["language"]]
    lines = sorted(invoice.lines.all(), key=lambda line: line.position)
    written = [invoice.memo, invoice.tax_note, invoice.purchase_order, *(line.description for line in lines)]
    pdf = Sheet(
        seller=seller["legal_name"],
        footer=seller["footer"],
        words=words,
        made=invoice.finalized_at or invoice.updated,
        title=f"{words.invoice} {invoice.number or words.draft}",
        text=characters_of(seller, buyer, written),
        country=country_of(buyer),
    )
    if supports_factur_x(invoice, seller=seller, buyer=buyer):
        pdf.attach_xml(
            invoice_xml(invoice, lines, seller=seller, buyer=buyer, exemption=exemption_of(invoice, words))
        )
    write_seller(pdf, seller, logo)
    _head(pdf, invoice)
    write_buyer(pdf, buyer)
    _dates(pdf, invoice)
    _lines(pdf, invoice, lines)
    _totals(pdf, invoice, lines)
    write_notes(pdf, invoice, memo=invoice.memo)
    _bank(pdf, seller)
    return pdf.finished()


def _head(pdf: Sheet, invoice: Invoice) -> None:
    words = pdf.words
    title = f"{words.invoice} {invoice.number}" if invoice.number else words.draft_invoice
    pdf.write_line(title, size=18, bold=True)
    write_remarks(pdf, mode=invoice.mode, status=words.status(invoice.status))


def _dates(pdf: Sheet, invoice: Invoice) -> None:
    words = pdf.words
    pdf.write_line(f"{words.issued}: {words.day((invoice.finalized_at or clock.now()).date())}")
    if invoice.due_date:
        pdf.write_line(f"{words.due}: {words.day(invoice.due_date)}")
    if invoice.service_start and invoice.service_end:
        period = f"{words.day(invoice.service_start)} – {words.day(invoice.service_end)}"
        pdf.write_line(f"{words.service_period}: {period}")
    write_purchase_order(pdf, invoice)


def _lines(pdf: Sheet, invoice: Invoice, lines: list[InvoiceLine]) -> None:
    words = pdf.words
    is_exempt = invoice.tax_exempt != Customer.TaxExemption.NONE
    headings = (words.description, words.quantity, words.unit_price, words.discount, words.tax)
    pdf.write_table(
        (*headings, f"{words.amount} ({invoice.currency})"),
        [
            (
                line.description,
                words.quantity_text(line.quantity),
                words.decimal(line.unit_amount, invoice.currency),
                words.decimal(line.discount_amount, invoice.currency) if line.discount_amount else "",
                words.percent(0 if is_exempt else line.tax_rate_bps),
                words.decimal(line.amount, invoice.currency),
            )
            for line in lines
        ],
    )


def _totals(pdf: Sheet, invoice: Invoice, lines: list[InvoiceLine]) -> None:
    words = pdf.words
    rows = []
    if invoice.discount_amount:
        share = f" {words.percent(invoice.discount_bps)}" if invoice.discount_bps else ""
        rows.append((words.lines_total, sum(line.amount for line in lines), False))
        rows.append((f"{words.discount}{share}", -invoice.discount_amount, False))
    rows.append((words.subtotal, invoice.subtotal, False))
    rows += [
        (f"{words.tax} {words.percent(each['tax_rate_bps'])}", each["tax"], False)
        for each in tax_breakdown(invoice, lines)
        if each["tax_rate_bps"]
    ]
    rows.append((words.total, invoice.total, True))
    if invoice.amount_paid:
        rows.append((words.paid, -invoice.amount_paid, False))
    if invoice.pre_payment_credit:
        rows.append((words.credited, -invoice.pre_payment_credit, False))
    if invoice.amount_paid or invoice.pre_payment_credit:
        rows.append((words.amount_due, invoice.amount_due, True))
    if invoice.post_payment_credit:
        rows.append((words.credited, invoice.post_payment_credit, False))
    if invoice.amount_refunded:
        rows.append((words.refunded, invoice.amount_refunded, False))
    for label, amount, bold in rows:
        pdf.write_row(label, words.money(amount, invoice.currency), bold=bold)


def _bank(pdf: Sheet, seller: dict[str, Any]) -> None:
    words = pdf.words
    bank = seller.get("bank_details") or {}
    if not bank:
        return
    labels = {"iban": "IBAN", "bic": "BIC", "account_number": words.account, "routing_number": words.routing}
    parts = [bank[part] for part in ("account_holder", "bank_name") if bank.get(part)]
    parts += [
        f"{label} {_grouped(bank[part]) if part == 'iban' else bank[part]}"
        for part, label in labels.items()
        if bank.get(part)
    ]
    pdf.write_line(f"{words.bank}: {' · '.join(parts)}", size=8)


def _grouped(iban: str) -> str:
    """Return an IBAN in groups of four with non-breaking spaces (ISO 13616)."""
    return "\u00a0".join(iban[start : start + 4] for start in range(0, len(iban), 4))
