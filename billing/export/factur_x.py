"""The machine-readable part of invoices and credit notes: Cross Industry Invoice per EN 16931, embedded in the PDF (Factur-X, ZUGFeRD
2).

`factur-x` writes and validates the XML. This module maps our data to the standard's business terms (BT) and groups (BG).
"""

import re
from collections import defaultdict
from decimal import Decimal
from typing import Any

from facturx.facturx import FACTURX_FILENAME, generate_xmp_object
from facturx.generate_xml import generate_cii_xml
from lxml import etree

from billing.models import CreditNote, CreditNoteLine, Customer, Invoice, InvoiceLine
from billing.representations import credit_breakdown, tax_breakdown
from core import clock
from core.values.currencies import EXPONENTS

FILE_NAME = FACTURX_FILENAME
_COMMERCIAL_INVOICE, _CREDIT_NOTE = "380", "381"  # UNTDID 1001
_PIECE = "C62"  # UN/ECE Recommendation 20
_SEPA, _CREDIT_TRANSFER = "58", "30"  # UNTDID 4461
_STANDARD, _ZERO, _EXEMPT, _REVERSE = "S", "Z", "E", "AE"  # UNTDID 5305
_VATEX_REVERSE = "VATEX-EU-AE"
_PRICE_DIGITS = 4
# Characters that XML 1.0 cannot contain (§2.2). New invoices with them are refused; older ones are read without them.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_XMP_URN = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"


def supports_factur_x(issued: Invoice | CreditNote, *, seller: dict[str, Any], buyer: dict[str, Any]) -> bool:
    """Return whether the standard supports this document: a live one, in a currency with at most two decimal places, with the required
    details of the parties (BR-8 to BR-11: addresses with a country; BR-S-2, BR-AE-2, BR-AE-3: tax identifiers).
    """
    invoice = issued.invoice if isinstance(issued, CreditNote) else issued
    is_issued = invoice.finalized_at is not None and issued.status not in (
        Invoice.Status.VOID,
        CreditNote.Status.VOID,
    )
    parties = [seller, buyer] if invoice.tax_exempt == Customer.TaxExemption.REVERSE else [seller]
    return (
        is_issued
        and invoice.mode == Invoice.Modes.LIVE
        and EXPONENTS[invoice.currency] <= 2
        and all((party.get("address") or {}).get("country") for party in (seller, buyer))
        and all(party.get("tax_ids") for party in parties)
    )


def invoice_xml(
    invoice: Invoice,
    lines: list[InvoiceLine],
    *,
    seller: dict[str, Any],
    buyer: dict[str, Any],
    exemption: str,
) -> bytes:
    """Return the XML of an invoice that `supports_factur_x`, validated against its schema.

    `exemption` is the document's text on why there is no tax.
    """
    issued = (invoice.finalized_at or clock.now()).date()
    category = _Category(invoice, exemption)
    rows = [_line(invoice, line, number, category) for number, line in enumerate(lines, start=1)]
    allowances = [] if invoice.prices_include_tax else _allowances(invoice, lines, category)
    of_lines = sum(Decimal(row["BT-131"]) for row in rows)
    data: dict[str, Any] = {
        "BT-1": invoice.number,
        "BT-2": issued,
        "BT-3": _COMMERCIAL_INVOICE,
        "BT-5": invoice.currency,
        "BT-13": invoice.purchase_order or None,
        # By default, the supply date is the issue date (2006/112/EC, article 226 (7)).
        "BT-72": invoice.service_end or issued,
        "BT-73": invoice.service_start,
        "BT-74": invoice.service_end,
        "BG-1": _notes(invoice.memo, exemption),
        "BG-4": _party(seller, seller["legal_name"]),
        "BG-7": _party(buyer, buyer["name"]),
        "BG-20": allowances,
        "BG-23": [category.breakdown(each) for each in tax_breakdown(invoice, lines)],
        "BG-25": rows,
        "BT-106": _text(of_lines),
        "BT-107": _text(sum((Decimal(each["amount"]) for each in allowances), Decimal(0))),
        "BT-109": _text(_amount(invoice.total - invoice.tax, invoice)),
        "BT-110": _text(_amount(invoice.tax, invoice)),
        "BT-112": _text(_amount(invoice.total, invoice)),
        "BT-113": _text(_amount(invoice.amount_paid, invoice)),
        # A credit note states its own credit.
        "BT-115": _text(_amount(invoice.total - invoice.amount_paid, invoice)),
        **_terms(invoice),
        **_payment(seller.get("bank_details") or {}),
    }
    return _written(data)


def credit_note_xml(
    note: CreditNote,
    lines: list[CreditNoteLine],
    *,
    seller: dict[str, Any],
    buyer: dict[str, Any],
    exemption: str,
) -> bytes:
    """Return the XML of a credit note that `supports_factur_x`, validated against its schema; the credited amounts are positive.

    Its lines are net of discounts, so none are listed. `exemption` is as for an invoice.
    """
    invoice = note.invoice
    invoiced = (invoice.finalized_at or note.created).date()
    category = _Category(invoice, exemption)
    rows = [_credited(invoice, line, number, category) for number, line in enumerate(lines, start=1)]
    data: dict[str, Any] = {
        "BT-1": note.number,
        "BT-2": note.created.date(),
        "BT-3": _CREDIT_NOTE,
        "BT-5": invoice.currency,
        "BT-13": invoice.purchase_order or None,
        # The credited amount counts as due, and the terms have to be stated (BR-CO-25).
        "BT-20": f"Credited on invoice {invoice.number}",
        "BT-72": invoice.service_end or invoiced,
        "BT-73": invoice.service_start,
        "BT-74": invoice.service_end,
        "BG-1": _notes(note.memo, exemption),
        "BG-3": [{"BT-25": invoice.number, "BT-26": invoiced}],
        "BG-4": _party(seller, seller["legal_name"]),
        "BG-7": _party(buyer, buyer["name"]),
        "BG-23": [category.breakdown(each) for each in credit_breakdown(note, lines)],
        "BG-25": rows,
        "BT-106": _text(sum(Decimal(row["BT-131"]) for row in rows)),
        "BT-109": _text(_amount(note.subtotal, invoice)),
        "BT-110": _text(_amount(note.tax, invoice)),
        "BT-112": _text(_amount(note.total, invoice)),
        "BT-115": _text(_amount(note.total, invoice)),
    }
    return _written(data)


def _written(data: dict[str, Any]) -> bytes:
    xml: bytes = generate_cii_xml(
        _in_xml({name: value for name, value in data.items() if value not in (None, [])}),
        level="en16931",
        check_xsd=True,
        check_schematron=None,
    )
    return xml


def _notes(*texts: str) -> list[dict[str, str]]:
    return [{"BT-22": text} for text in texts if text]


def metadata(*, title: str, author: str, made: str, has_xml: bool) -> str:
    """Return the XMP of a PDF/A-3, which also declares the embedded XML, if any (Factur-X's extension schema)."""
    terms = {
        "pdfa3_flavor": "U",
        "title": title,
        "author": author,
        "subject": title,
        "producer": "Pomelo",
        "creator_tool": "Pomelo",
        "timestamp": made,
    }
    if has_xml:
        terms |= {
            "version": "1.0",
            "documenttype": "INVOICE",
            "xml_filename": FILE_NAME,
            "xmp_level": "EN 16931",
            "urn": _XMP_URN,
        }
    return etree.tostring(generate_xmp_object(_in_xml(terms)), encoding="unicode")


def _in_xml(value: Any) -> Any:
    """Return `value` with characters removed that XML cannot contain."""
    if isinstance(value, str):
        return _NOT_IN_XML.sub("", value)
    if isinstance(value, dict):
        return {name: _in_xml(inner) for name, inner in value.items()}
    return [_in_xml(inner) for inner in value] if isinstance(value, list) else value


class _Category:
    """The standard's tax category of an invoice's lines."""

    def __init__(self, invoice: Invoice, exemption: str) -> None:
        self._invoice = invoice
        self._exemption = exemption

    def of(self, rate_bps: int) -> tuple[str, str]:
        """Return the category and the rate in percent of a line with this rate."""
        exempt = {
            Customer.TaxExemption.REVERSE: _REVERSE,
            Customer.TaxExemption.EXEMPT: _EXEMPT,
        }.get(Customer.TaxExemption(self._invoice.tax_exempt))
        if exempt:
            return exempt, "0"
        return (_STANDARD if rate_bps else _ZERO), f"{Decimal(rate_bps) / 100:f}"

    def breakdown(self, group: dict[str, int]) -> dict[str, Any]:
        """Return a BG-23 group from an entry of `tax_breakdown`."""
        category, rate = self.of(group["tax_rate_bps"])
        terms = {
            "BT-116": _text(_amount(group["taxable"], self._invoice)),
            "BT-117": _text(_amount(group["tax"], self._invoice)),
            "BT-118": category,
            "BT-119": rate,
        }
        if category in (_REVERSE, _EXEMPT):
            terms["BT-120"] = self._exemption
        if category == _REVERSE:
            terms["BT-121"] = _VATEX_REVERSE
        return terms


def _amount(minor_units: int, invoice: Invoice) -> Decimal:
    return Decimal(minor_units).scaleb(-EXPONENTS[invoice.currency])


def _text(amount: Decimal | int) -> str:
    return f"{Decimal(amount):.2f}"


def _line(invoice: Invoice, line: InvoiceLine, number: int, category: _Category) -> dict[str, Any]:
    """Return a BG-25 line. The standard's amounts exclude tax; where ours include it, so does the discount's share (BT-131)."""
    code, rate = category.of(line.tax_rate_bps)
    if invoice.prices_include_tax:
        net = _amount(line.amount - line.discount_share - line.tax, invoice)
        price, allowances = net / line.quantity, []
    else:
        net, price = _amount(line.amount, invoice), _amount(line.unit_amount, invoice)
        allowances = _line_allowance(invoice, line)
    return {
        "BT-126": str(number),
        "BT-153": line.description,
        "BT-129": f"{line.quantity.normalize():f}",
        "BT-130": _PIECE,
        "BT-146": f"{round(price, _PRICE_DIGITS):f}",
        "BT-131": _text(net),
        "BT-151": code,
        "BT-152": rate,
        **({"BG-27": allowances} if allowances else {}),
    }


def _credited(invoice: Invoice, line: CreditNoteLine, number: int, category: _Category) -> dict[str, Any]:
    """Return a BG-25 line of a credit note; for an amount without a quantity, the quantity is one."""
    code, rate = category.of(line.invoice_line.tax_rate_bps)
    net = _amount(line.amount - (line.tax if invoice.prices_include_tax else 0), invoice)
    quantity = line.quantity or Decimal(1)
    return {
        "BT-126": str(number),
        "BT-153": line.invoice_line.description,
        "BT-129": f"{quantity.normalize():f}",
        "BT-130": _PIECE,
        "BT-146": f"{round(net / quantity, _PRICE_DIGITS):f}",
        "BT-131": _text(net),
        "BT-151": code,
        "BT-152": rate,
    }


def _line_allowance(invoice: Invoice, line: InvoiceLine) -> list[dict[str, str]]:
    if not line.discount_amount:
        return []
    return [
        {"amount": _text(_amount(line.discount_amount, invoice)), "reason_code": "95", "reason": "Discount"}
    ]


def _allowances(invoice: Invoice, lines: list[InvoiceLine], category: _Category) -> list[dict[str, str]]:
    """Return the discount on the whole invoice, split by tax category and rate (BG-20)."""
    shares: defaultdict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        shares[category.of(line.tax_rate_bps)] += line.discount_share
    return [
        {
            "amount": _text(_amount(share, invoice)),
            "reason_code": "95",  # UNTDID 5189
            "reason": "Discount",
            "vat_category_code": code,
            "vat_rate": rate,
        }
        for (code, rate), share in sorted(shares.items())
        if share
    ]


def _party(party: dict[str, Any], name: str) -> dict[str, Any]:
    address = party.get("address") or {}
    tax_ids = party.get("tax_ids") or []
    vat = next((each["value"] for each in tax_ids if each["type"].endswith("_vat")), "")
    other = next((each["value"] for each in tax_ids if not each["type"].endswith("_vat")), None)
    terms = {
        "name": name,
        # BR-CO-9: with the country prefix.
        "vat_identifier": vat if vat[:2].isalpha() else vat and address["country"] + vat,
        "tax_identifier": other,
        "addr_l1": address.get("line1"),
        "addr_l2": address.get("line2"),
        "postcode": address.get("postal_code"),
        "city": address.get("city"),
        "country_subdivision": address.get("state"),
        "country_code": address["country"],
    }
    if party.get("email"):
        terms |= {"einvoicing_addr": party["email"], "einvoicing_addr_schemeid": "EM"}
    return {term: value for term, value in terms.items() if value}


def _terms(invoice: Invoice) -> dict[str, Any]:
    """Return the payment terms (BR-CO-25 requires a date or a text while something is due)."""
    if invoice.due_date:
        return {"BT-9": invoice.due_date}
    return {"BT-20": "Due on receipt"} if invoice.total > invoice.amount_paid else {}


def _payment(bank: dict[str, str]) -> dict[str, str]:
    account = bank.get("iban") or bank.get("account_number")
    if not account:
        return {}
    terms = {"BT-81": _SEPA if bank.get("iban") else _CREDIT_TRANSFER, "BT-84": account}
    if bank.get("account_holder"):
        terms["BT-85"] = bank["account_holder"]
    if bank.get("bic"):
        terms["BT-86"] = bank["bic"]
    return terms
