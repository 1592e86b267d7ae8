"""What stands on an invoice and on a credit note alike: the parties, remarks, and why there is no tax."""

from typing import Any

from billing.export.sheet import Sheet
from billing.export.words import Words
from billing.models import Customer, Invoice, SellerLogo
from billing.tax_ids import KINDS

_BEFORE_CITY = ("line1", "line2")


def write_seller(pdf: Sheet, seller: dict[str, Any], logo: SellerLogo | None) -> None:
    """Write who sells, at the top of the first page, below the logo."""
    if logo is not None:
        pdf.draw_logo(logo)
    pdf.write_line(seller["legal_name"], size=11, bold=True)
    for line in _address_lines(seller["address"], pdf.words) + _tax_id_lines(seller):
        pdf.write_line(line, size=8, grey=True)
    pdf.ln(8)


def write_buyer(pdf: Sheet, buyer: dict[str, Any]) -> None:
    """Write who is billed."""
    pdf.write_line(pdf.words.billed_to, grey=True)
    pdf.write_line(buyer["name"], bold=True)
    for line in _address_lines(buyer.get("address"), pdf.words) + _tax_id_lines(buyer):
        pdf.write_line(line)
    if buyer.get("email"):
        pdf.write_line(buyer["email"])
    pdf.ln(4)


def write_remarks(pdf: Sheet, *, mode: str, status: str) -> None:
    """Write below the title what the document is not: real, or as it stands; `status` is "" where there is nothing to say."""
    remarks = [pdf.words.not_real] if mode == "test" else []
    remarks += [status] if status else []
    if remarks:
        pdf.write_line(" · ".join(remarks), bold=True, grey=True)
    pdf.ln(4)


def write_purchase_order(pdf: Sheet, invoice: Invoice) -> None:
    """Write the last of the lines above the table."""
    if invoice.purchase_order:
        pdf.write_line(f"{pdf.words.purchase_order}: {invoice.purchase_order}")
    pdf.ln(5)


def write_notes(pdf: Sheet, invoice: Invoice, *, memo: str) -> None:
    """Write below the sums why there is no tax, or that prices include it, and what the seller says."""
    pdf.ln(4)
    if invoice.tax_exempt != Customer.TaxExemption.NONE:
        pdf.write_line(exemption_of(invoice, pdf.words))
    elif invoice.prices_include_tax:
        pdf.write_line(pdf.words.included, size=8, grey=True)
    if memo:
        pdf.write_line(memo)


def exemption_of(invoice: Invoice, words: Words) -> str:
    """Return why the invoice has no tax, in its own words or the usual ones; "" of one that has."""
    usual = {"reverse": words.reverse_charge, "exempt": words.exempt}
    return invoice.tax_note or usual.get(invoice.tax_exempt, "")


def country_of(party: dict[str, Any]) -> str:
    """Return the code of a party's country; "" where its address names none."""
    country: str = (party.get("address") or {}).get("country", "")
    return country


def _address_lines(address: dict[str, str] | None, words: Words) -> list[str]:
    """Return an address as it is written on an envelope: street, place, and the country by its name."""
    known = address or {}
    place = " ".join(known[part] for part in ("postal_code", "city") if known.get(part))
    lines = [known[part] for part in _BEFORE_CITY if known.get(part)]
    lines += [part for part in (place, known.get("state")) if part]
    return [*lines, words.country(known["country"])] if known.get("country") else lines


def _tax_id_lines(party: dict[str, Any]) -> list[str]:
    return [f"{KINDS[each['type']].label}: {each['value']}" for each in party.get("tax_ids") or []]
