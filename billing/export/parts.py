"""The parts that invoices and credit notes share: the parties, remarks, and the reason for no tax."""

from typing import Any

from billing.export.sheet import Sheet
from billing.export.words import Words
from billing.models import Customer, Invoice, SellerLogo
from billing.tax_ids import KINDS

_BEFORE_CITY = ("line1", "line2")


def write_seller(pdf: Sheet, seller: dict[str, Any], logo: SellerLogo | None) -> None:
    """Write the seller at the top of the first page, below the logo."""
    if logo is not None:
        pdf.draw_logo(logo)
    pdf.write_line(seller["legal_name"], size=11, bold=True)
    for line in _address_lines(seller["address"], pdf.words) + _tax_id_lines(seller):
        pdf.write_line(line, size=8, grey=True)
    pdf.ln(8)


def write_buyer(pdf: Sheet, buyer: dict[str, Any]) -> None:
    """Write the customer."""
    pdf.write_line(pdf.words.billed_to, grey=True)
    pdf.write_line(buyer["name"], bold=True)
    for line in _address_lines(buyer.get("address"), pdf.words) + _tax_id_lines(buyer):
        pdf.write_line(line)
    if buyer.get("email"):
        pdf.write_line(buyer["email"])
    pdf.ln(4)


def write_remarks(pdf: Sheet, *, mode: str, status: str) -> None:
    """Write the document's limitations below the title: a test, or its status; `status` is "" if there is none to mention."""
    remarks = [pdf.words.not_real] if mode == "test" else []
    remarks += [status] if status else []
    if remarks:
        pdf.write_line(" · ".join(remarks), bold=True, grey=True)
    pdf.ln(4)


def write_purchase_order(pdf: Sheet, invoice: Invoice) -> None:
    """Write the purchase order as the last line above the table."""
    if invoice.purchase_order:
        pdf.write_line(f"{pdf.words.purchase_order}: {invoice.purchase_order}")
    pdf.ln(5)


def write_notes(pdf: Sheet, invoice: Invoice, *, memo: str) -> None:
    """Write the notes below the totals: the reason for no tax, whether prices include it, and the seller's note."""
    pdf.ln(4)
    if invoice.tax_exempt != Customer.TaxExemption.NONE:
        pdf.write_line(exemption_of(invoice, pdf.words))
    elif invoice.prices_include_tax:
        pdf.write_line(pdf.words.included, size=8, grey=True)
    if memo:
        pdf.write_line(memo)


def exemption_of(invoice: Invoice, words: Words) -> str:
    """Return the reason for no tax, as set on the invoice or the default text; "" if there is tax."""
    usual = {"reverse": words.reverse_charge, "exempt": words.exempt}
    return invoice.tax_note or usual.get(invoice.tax_exempt, "")


def country_of(party: dict[str, Any]) -> str:
    """Return the country code of a party, or "" if its address has none."""
    country: str = (party.get("address") or {}).get("country", "")
    return country


def _address_lines(address: dict[str, str] | None, words: Words) -> list[str]:
    """Return an address as on an envelope: street, city, and the country name."""
    known = address or {}
    place = " ".join(known[part] for part in ("postal_code", "city") if known.get(part))
    lines = [known[part] for part in _BEFORE_CITY if known.get(part)]
    lines += [part for part in (place, known.get("state")) if part]
    return [*lines, words.country(known["country"])] if known.get("country") else lines


def _tax_id_lines(party: dict[str, Any]) -> list[str]:
    return [f"{KINDS[each['type']].label}: {each['value']}" for each in party.get("tax_ids") or []]
