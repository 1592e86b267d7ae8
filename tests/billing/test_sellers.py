"""Seller and customer details required on invoices, and kept as snapshots."""

from typing import Any

import pytest

from billing import services
from billing.models import Seller
from billing.tax_ids import read_tax_id
from core.errors import FieldErrors
from core.tenancy import tenant_context
from tests.billing.factories import make_invoice
from tests.factories import SYSTEM, World, make_customer, make_seller

SCOPES = ["seller:read", "seller:write", "customers:write", "invoices:read", "invoices:write"]
BERLIN = {"line1": "Amboßstraße 1", "postal_code": "10115", "city": "Berlin", "country": "DE"}


@pytest.fixture
def client(world: World, issue_key: Any, api: Any) -> Any:
    return api(issue_key(world.company, SCOPES).client_secret)


@pytest.fixture
def test_client(world: World, issue_key: Any, api: Any) -> Any:
    return api(issue_key(world.company, SCOPES, mode="test").client_secret)


def fields_of(answer: Any) -> dict[str, str]:
    return {each["field"]: each["code"] for each in answer.json["error"]["fields"]}


def test_seller_is_blank_until_it_is_filled_in_and_each_mode_has_its_own(test_client: Any) -> None:
    blank = test_client.get("/v1/seller").json
    assert blank["legal_name"] is blank["address"] is blank["updated"] is None
    assert (blank["object"], blank["mode"], blank["tax_ids"], blank["language"]) == (
        "seller",
        "test",
        [],
        "en",
    )
    change = {
        "legal_name": "Acme B.V.",
        "tax_ids": [{"type": "eu_vat", "value": "nl 4495445B01"}],
        "bank_details": {"iban": "NL91 ABNA 0417 1643 00", "bic": "ABNANL2A"},
    }
    answer = test_client.patch("/v1/seller", change)
    assert answer.status == 200, answer
    assert answer.json["tax_ids"] == [{"type": "eu_vat", "value": "NL004495445B01"}]
    assert answer.json["bank_details"] == {"iban": "NL91ABNA0417164300", "bic": "ABNANL2A"}
    assert test_client.get("/v1/seller").json == answer.json


def test_address_and_bank_details_merge_and_null_removes_a_part(client: Any) -> None:
    client.patch("/v1/seller", {"address": BERLIN, "bank_details": {"bank_name": "Hausbank"}})
    merged = client.patch("/v1/seller", {"address": {"line2": "Hinterhaus", "postal_code": None}}).json
    assert merged["address"] == {
        "line1": "Amboßstraße 1",
        "line2": "Hinterhaus",
        "city": "Berlin",
        "country": "DE",
    }
    assert merged["bank_details"] == {"bank_name": "Hausbank"}
    assert client.patch("/v1/seller", {"address": None}).json["address"] is None


def test_invalid_identification_numbers_are_refused_by_field(client: Any) -> None:
    answer = client.patch(
        "/v1/seller",
        {
            "tax_ids": [
                {"type": "eu_vat", "value": "DE136695976"},
                {"type": "eu_vat", "value": "DE136695978"},
            ],
            "bank_details": {"iban": "DE00370400440532013000", "bic": "NOBANK"},
        },
    )
    assert answer.status == 400
    assert fields_of(answer).keys() == {
        "tax_ids.1",
        "bank_details.iban",
        "bank_details.bic",
    }
    answer = client.patch("/v1/seller", {"number_prefix": "TEST-A", "footer": "a\tb"})
    assert fields_of(answer).keys() == {"number_prefix", "footer"}


def test_list_items_must_be_complete_in_an_update_too(world: World, client: Any) -> None:
    """Regression: a PATCH accepted items without a required field, and failed with 500."""
    answer = client.patch("/v1/seller", {"tax_ids": [{"type": "eu_vat"}]})
    assert (answer.status, fields_of(answer)) == (400, {"tax_ids.0.value": "required"})
    path = f"/v1/invoices/{make_invoice(world.tenant()).public_id}"
    answer = client.patch(path, {"lines": [{"description": "x", "unit_amount": 1}]})
    assert (answer.status, fields_of(answer)) == (400, {"lines.0.quantity": "required"})
    both = {"description": "x", "quantity": 1, "unit_amount": 9, "discount_amount": 1, "discount_bps": 1}
    assert fields_of(client.patch(path, {"lines": [both]})) == {"lines.0.discount_bps": "contradictory"}


@pytest.mark.parametrize(
    ("kind", "text", "kept"),
    [
        ("eu_vat", "DE 136,695 976", "DE136695976"),
        ("ch_vat", "CHE-107.787.577 IVA", "CHE107787577IVA"),
        ("us_ein", "91-1144442", "911144442"),
        ("in_gstin", "27AAPFU0939F1ZV", "27AAPFU0939F1ZV"),
        ("br_cnpj", "16.727.230/0001-97", "16727230000197"),
    ],
)
def test_tax_ids_are_stored_in_canonical_form(kind: str, text: str, kept: str) -> None:
    assert read_tax_id(kind, text) == kept


@pytest.mark.parametrize(("kind", "text"), [("eu_vat", "DE136695977"), ("no_such", "1"), ("us_ein", "")])
def test_invalid_tax_ids_are_refused(kind: str, text: str) -> None:
    with pytest.raises(ValueError):
        read_tax_id(kind, text)


def test_incomplete_live_invoice_is_refused_by_field_and_test_invoice_is_warned(
    world: World, client: Any, test_client: Any
) -> None:
    seller = {"legal_name": "", "address": {"country": "FR"}, "tax_ids": []}
    for mode in ("live", "test"):
        make_seller(world.tenant(mode), **seller)  # type: ignore[arg-type]
    wanted = {
        "seller.legal_name": "required",
        "seller.address.line1": "required",
        "seller.address.city": "required",
        "seller.address.postal_code": "required",
        "seller.tax_ids": "required",
    }
    draft = make_invoice(world.tenant())
    answer = client.post(f"/v1/invoices/{draft.public_id}/finalize")
    assert (answer.status, answer.code, fields_of(answer)) == (409, "invoice_incomplete", wanted)
    assert client.get(f"/v1/invoices/{draft.public_id}").json["number"] is None

    draft = make_invoice(world.tenant("test"))
    answer = test_client.post(f"/v1/invoices/{draft.public_id}/finalize")
    assert (answer.status, answer.json["number"]) == (200, "TEST-000001")
    assert {each["field"]: each["code"] for each in answer.json["warnings"]} == wanted


def test_seller_outside_of_the_union_needs_no_tax_id(world: World, client: Any) -> None:
    address = {"line1": "1 Main Street", "city": "Springfield", "country": "US"}
    make_seller(world.tenant(), address=address, tax_ids=[])
    draft = make_invoice(world.tenant())
    assert client.post(f"/v1/invoices/{draft.public_id}/finalize").json["status"] == "open"


def test_the_reverse_charge_needs_the_buyers_tax_id(world: World, client: Any) -> None:
    customer = make_customer(world.tenant(), tax_exempt="reverse")
    draft = make_invoice(world.tenant(), customer=customer)
    refused = client.post(f"/v1/invoices/{draft.public_id}/finalize")
    assert fields_of(refused) == {"customer.tax_ids": "required"}
    client.patch(
        f"/v1/customers/{customer.public_id}", {"tax_ids": [{"type": "eu_vat", "value": "FR40303265045"}]}
    )
    assert client.post(f"/v1/invoices/{draft.public_id}/finalize").status == 200


def test_issued_invoice_keeps_its_seller_and_customer(world: World, client: Any) -> None:
    customer = make_customer(world.tenant(), name="Ada Lovelace", preferred_language="fr")
    invoice = make_invoice(world.tenant(), customer=customer)
    path = f"/v1/invoices/{invoice.public_id}"
    draft = client.get(path).json
    assert draft["seller"] is draft["billed_to"] is None
    issued = client.post(f"{path}/finalize").json
    client.patch("/v1/seller", {"legal_name": "Other GmbH", "tax_ids": []})
    client.patch(f"/v1/customers/{customer.public_id}", {"name": "Somebody Else"})
    assert client.get(path).json == issued
    assert issued["seller"]["legal_name"] == "Acme Maschinenbau GmbH"
    assert (issued["billed_to"]["name"], issued["billed_to"]["language"]) == ("Ada Lovelace", "fr")


def test_numbers_take_the_prefix_and_go_on_counting(world: World, client: Any) -> None:
    make_invoice(world.tenant(), finalize=True)
    client.patch("/v1/seller", {"number_prefix": "ACME-27"})
    assert make_invoice(world.tenant(), finalize=True).number == "ACME-27-000002"
    make_seller(world.tenant("test"), number_prefix="ACME")
    assert make_invoice(world.tenant("test"), finalize=True).number == "TEST-ACME-000001"


def test_finalized_invoice_takes_metadata_and_nothing_else(world: World, client: Any) -> None:
    invoice = make_invoice(world.tenant(), metadata={"a": "1", "b": "2"}, finalize=True)
    path = f"/v1/invoices/{invoice.public_id}"
    changed = client.patch(path, {"metadata": {"b": None, "c": "3"}})
    assert (changed.status, changed.json["metadata"]) == (200, {"a": "1", "c": "3"})
    refused = client.patch(path, {"metadata": {"d": "4"}, "due_date": "2030-01-01"})
    assert (refused.status, refused.code) == (409, "invoice_not_draft")


def test_metadata_of_a_customer_merges_and_null_clears(client: Any) -> None:
    made = client.post("/v1/customers", {"name": "Ada", "metadata": {"a": "1", "b": None, "c": ""}}).json
    assert made["metadata"] == {"a": "1", "c": ""}
    path = f"/v1/customers/{made['id']}"
    assert client.patch(path, {"metadata": {"a": None, "d": "4"}}).json["metadata"] == {"c": "", "d": "4"}
    assert client.patch(path, {"metadata": None}).json["metadata"] == {}


def test_seller_page_keeps_input_and_shows_missing_fields(world: World, login: Any) -> None:
    make_seller(world.tenant(), tax_ids=[], bank_details=None)
    page = login(world.owner, company=world.company)
    assert "seller.tax_ids" in page.get("/invoicing/").content.decode()
    values = {
        "legal_name": "Acme GmbH",
        **BERLIN,
        "tax_ids": "DE136695976\nus_ein 91-1144442",
        "iban": "NL91 ABNA 0417 1643 00",
        "footer": "Registered in Berlin\r\nHRB 1",
        "language": "de",
    }
    assert page.post("/invoicing/edit/", values).status_code == 302
    with tenant_context(world.tenant()):
        seller = Seller.objects.get()
    assert [each["type"] for each in seller.tax_ids] == ["eu_vat", "us_ein"]
    assert (seller.footer, seller.bank_details) == (
        "Registered in Berlin\nHRB 1",
        {"iban": "NL91ABNA0417164300"},
    )
    assert "Still missing" not in page.get("/invoicing/").content.decode()
    refused = page.post("/invoicing/edit/", {**values, "tax_ids": "DE1"})
    assert refused.status_code == 422
    assert "This is not a valid eu_vat number" in refused.content.decode()
    developer = login(world.teammate, company=world.company)
    assert developer.get("/invoicing/").status_code == 200
    assert developer.post("/invoicing/edit/", values).status_code == 403


def test_first_change_creates_the_only_row(world: World) -> None:
    with tenant_context(world.tenant("test")):
        services.update_seller(actor=SYSTEM, legal_name="Acme")
        services.update_seller(actor=SYSTEM, footer="Hello")
        assert Seller.objects.count() == 1
        with pytest.raises(FieldErrors):
            services.update_seller(actor=SYSTEM, language="xx")
