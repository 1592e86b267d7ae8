"""Billing under /v1, from an integrator's point of view."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from billing import services
from billing.models import Charge, Customer, Invoice
from core.tenancy import tenant_context
from tests.billing.factories import LINE, make_invoice, make_settled_charge
from tests.clients import ApiClient
from tests.factories import World, make_customer
from tests.sandbox import SandboxProcess

SCOPES = (
    "customers:read", "customers:write", "invoices:read", "invoices:write", "charges:read", "charges:write",
)  # fmt: skip


@pytest.fixture
def client(world: World, issue_key: Callable[..., Any], api: Callable[..., ApiClient]) -> ApiClient:
    return api(issue_key(world.company, scopes=SCOPES).client_secret)


def field_codes(answer: Any) -> dict[str, str]:
    assert (answer.status, answer.code) == (400, "validation_failed"), answer
    return {field["field"]: field["code"] for field in answer.json["error"]["fields"]}


def test_from_customer_to_paid_and_refunded_invoice(client: ApiClient, gateway: SandboxProcess) -> None:
    customer = client.post("/v1/customers", {"name": "Grace Hopper", "phone": "+49 30 123456"}).json
    assert customer["phone"] == "+4930123456"
    draft = client.post(
        "/v1/invoices",
        {"customer": customer["id"], "currency": "EUR", "lines": [LINE], "external_id": "order-7"},
        idempotency_key="order-7",
    )
    assert draft.status == 201
    assert (draft.json["status"], draft.json["number"], draft.json["total"]) == ("draft", None, 11_900)
    assert draft.json["lines"][0]["id"].startswith("il_")
    path = f"/v1/invoices/{draft.json['id']}"

    opened = client.post(f"{path}/finalize")
    assert (opened.status, opened.json["status"], opened.json["number"]) == (200, "open", "INV-000001")

    charge = client.post("/v1/charges", {"invoice": draft.json["id"], "payment_method": "card_success"})
    assert (charge.status, charge.json["status"], charge.json["amount"]) == (201, "pending", 11_900)
    assert charge.json["customer"] == customer["id"]
    services.complete_payments()
    assert client.get(f"/v1/charges/{charge.json['id']}").json["status"] == "succeeded"
    paid = client.get(path).json
    assert (paid["status"], paid["amount_paid"], paid["amount_due"]) == ("paid", 11_900, 0)

    refund = client.post(f"/v1/charges/{charge.json['id']}/refunds", {"amount": 900})
    assert (refund.status, refund.json["status"], refund.json["charge"]) == (
        201,
        "pending",
        charge.json["id"],
    )
    services.complete_payments()
    refunds = client.get(f"/v1/charges/{charge.json['id']}/refunds").json["data"]
    assert [(row["id"], row["status"], row["amount"]) for row in refunds] == [
        (refund.json["id"], "succeeded", 900)
    ]
    assert client.get(f"/v1/charges/{charge.json['id']}").json["amount_refunded"] == 900

    pdf = client.get(f"{path}/pdf", headers={"Accept": "application/pdf"})
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert pdf.headers["Content-Disposition"] == 'attachment; filename="INV-000001.pdf"'
    assert pdf.content.startswith(b"%PDF-")


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "application/json", "application/problem+json", "application/pdf, application/json;q=0"],
)
def test_client_that_accepts_json_gets_the_pdf_too(client: ApiClient, world: World, accept: str) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    pdf = client.get(f"/v1/invoices/{invoice.public_id}/pdf", headers={"Accept": accept})
    assert (pdf.status, pdf.headers["Content-Type"]) == (200, "application/pdf")


def test_client_that_rejects_pdf_gets_none(client: ApiClient, world: World) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    refused = client.get(
        f"/v1/invoices/{invoice.public_id}/pdf", headers={"Accept": "application/json, application/pdf;q=0"}
    )
    assert (refused.status, refused.code) == (406, "not_acceptable")


def test_draft_is_edited_and_deleted(client: ApiClient, world: World) -> None:
    invoice = make_invoice(world.tenant(), metadata={"a": "1"})
    path = f"/v1/invoices/{invoice.public_id}"
    changed = client.patch(path, {"lines": [{"description": "One", "quantity": 1, "unit_amount": 7}]})
    assert (changed.status, changed.json["total"], changed.json["metadata"]) == (200, 7, {"a": "1"})
    assert client.delete(path).status == 204
    assert client.get(path).code == "not_found"


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("finalize", "invoice_not_draft"),
        ("void", "invoice_not_open"),
        ("mark_uncollectible", "invoice_not_open"),
    ],
)
def test_closed_invoice_refuses_every_transition(
    client: ApiClient, world: World, step: str, code: str
) -> None:
    path = f"/v1/invoices/{make_invoice(world.tenant(), finalize=True).public_id}"
    assert client.post(f"{path}/void").json["status"] == "void"
    answer = client.post(f"{path}/{step}")
    assert (answer.status, answer.code, answer.json["error"]["status"]) == (409, code, "void")


def test_refusal_is_replayed_byte_for_byte(client: ApiClient, world: World) -> None:
    path = f"/v1/invoices/{make_invoice(world.tenant(), lines=[]).public_id}/finalize"
    first = client.post(path, idempotency_key="finalize-1")
    again = client.post(path, idempotency_key="finalize-1")
    assert (first.status, first.code) == (409, "invoice_empty")
    assert (again.headers["Idempotency-Replayed"], again.content) == ("true", first.content)


def test_charge_with_an_idempotency_key_is_created_once(client: ApiClient, world: World) -> None:
    body = {"amount": 500, "currency": "EUR", "payment_method": "card_success"}
    first = client.post("/v1/charges", body, idempotency_key="charge-1")
    again = client.post("/v1/charges", body, idempotency_key="charge-1")
    assert (first.status, again.content) == (201, first.content)
    with tenant_context(world.tenant()):
        assert Charge.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"currency": "EUR"}, {"customer": "required"}),
        ({"currency": "XXX"}, {"currency": "invalid"}),
        ({"currency": "eur"}, {"currency": "invalid"}),
        ({"due_date": "2027-02-30"}, {"due_date": "invalid"}),
        ({"due_date": "9999-12-31"}, {"due_date": "invalid"}),
        (
            {"lines": [{"description": "x", "quantity": 0, "unit_amount": 1}]},
            {"lines.0.quantity": "min_value"},
        ),
        (
            {"lines": [{"description": "x", "quantity": 1, "unit_amount": -1}]},
            {"lines.0.unit_amount": "min_value"},
        ),
        (
            {"lines": [{"description": "x", "quantity": 1, "unit_amount": 10**18}]},
            {"lines.0.unit_amount": "max_value"},
        ),
        (
            {"lines": [{"description": "x", "quantity": 1, "unit_amount": 10**30}]},
            {"lines.0.unit_amount": "wrong_type"},
        ),
        (
            {"lines": [{"description": "x", "quantity": 1.0000001, "unit_amount": 1}]},
            {"lines.0.quantity": "decimals"},
        ),
        (
            {"lines": [{"description": "x", "quantity": "1.5", "unit_amount": 1}]},
            {"lines.0.quantity": "wrong_type"},
        ),
        ({"lines": [{**LINE, "discount_amount": 10_001}]}, {"lines.0": "invalid"}),
        ({"lines": [{**LINE, "tax_rate_bps": 10_001}]}, {"lines.0.tax_rate_bps": "max_value"}),
        ({"lines": [{**LINE, "price": 1}]}, {"lines.0.price": "unknown_field"}),
        (
            {"lines": [{"description": "x", "quantity": 10**6, "unit_amount": 10**12 - 1}]},
            {"lines.0": "invalid"},
        ),
        (
            {"lines": [{"description": "x", "quantity": 1, "unit_amount": 10**12 - 1}] * 2},
            {"lines": "too_large"},
        ),
        ({"metadata": {str(number): "x" for number in range(51)}}, {"metadata": "too_many"}),
        ({"status": "paid"}, {"status": "unknown_field"}),
    ],
)
def test_invalid_invoices_are_refused_by_field(
    client: ApiClient, world: World, body: dict[str, Any], expected: dict[str, str]
) -> None:
    customer = (
        {} if "required" in expected.values() else {"customer": make_customer(world.tenant()).public_id}
    )
    answer = client.post("/v1/invoices", {"currency": "EUR", **customer, **body})
    assert field_codes(answer) == expected
    with tenant_context(world.tenant()):
        assert not Invoice.objects.exists()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"amount": "required", "currency": "required"}),
        ({"amount": 0, "currency": "EUR"}, {"amount": "min_value"}),
        ({"amount": 1, "currency": "EUR", "payment_method": "card_gold"}, {"payment_method": "invalid"}),
        ({"amount": 1, "currency": "ABC"}, {"currency": "invalid"}),
        ({"amount": 1, "currency": "EUR", "customer": "cus_x"}, {"customer": "not_found"}),
        ({"invoice": "in_00000000000000000000000000"}, {"invoice": "not_found"}),
    ],
)
def test_invalid_charges_are_refused_by_field(
    client: ApiClient, world: World, body: dict[str, Any], expected: dict[str, str]
) -> None:
    assert field_codes(client.post("/v1/charges", {"payment_method": "card_success", **body})) == expected
    with tenant_context(world.tenant()):
        assert not Charge.objects.exists()


def test_objects_of_another_company_cannot_be_referenced(client: ApiClient, world: World) -> None:
    foreign_customer = make_customer(world.other_tenant()).public_id
    foreign_invoice = make_invoice(world.other_tenant(), finalize=True).public_id
    foreign_charge = make_settled_charge(world.other_tenant()).public_id
    assert field_codes(client.post("/v1/invoices", {"customer": foreign_customer, "currency": "EUR"})) == {
        "customer": "not_found"
    }
    assert field_codes(
        client.post("/v1/charges", {"invoice": foreign_invoice, "payment_method": "card_success"})
    ) == {"invoice": "not_found"}
    assert client.post(f"/v1/charges/{foreign_charge}/refunds").code == "not_found"
    assert client.post(f"/v1/invoices/{foreign_invoice}/void").code == "not_found"
    assert client.get(f"/v1/invoices/{foreign_invoice}/pdf").code == "not_found"


def test_each_operation_requires_its_scope(
    world: World, issue_key: Callable[..., Any], api: Callable[..., ApiClient]
) -> None:
    reader = api(issue_key(world.company, scopes=["invoices:read", "charges:read"]).client_secret)
    invoice = make_invoice(world.tenant())
    refused = reader.post(f"/v1/invoices/{invoice.public_id}/finalize")
    assert (refused.status, refused.code, refused.json["error"]["required_scopes"]) == (
        403,
        "insufficient_scope",
        ["invoices:write"],
    )
    assert reader.post("/v1/charges", {}).code == "insufficient_scope"
    with tenant_context(world.tenant()):
        assert Invoice.objects.get(id=invoice.id).status == "draft"


def test_live_and_test_data_are_separate(
    world: World, issue_key: Callable[..., Any], api: Callable[..., ApiClient]
) -> None:
    live_invoice = make_invoice(world.tenant(), finalize=True)
    tester = api(issue_key(world.company, scopes=SCOPES, mode="test").client_secret)
    assert tester.get(f"/v1/invoices/{live_invoice.public_id}").code == "not_found"
    assert tester.get("/v1/invoices").json["data"] == []


# --- customers --------------------------------------------------------------------------------------------------------


def ids_of(answer: Any) -> list[str]:
    assert answer.status == 200, answer
    return [row["id"] for row in answer.json["data"]]


def test_customers_are_found_by_every_filter(client: ApiClient, world: World) -> None:
    tenant = world.tenant()
    ada = make_customer(
        tenant,
        name="Ada Lovelace-Byron",
        email="Ada@Example.com",
        phone="+4930123456",
        external_id="crm-17",
        metadata={"plan": "gold", "seats": "3"},
    ).public_id
    bob = make_customer(tenant, name="Bob Ångström", metadata={"plan": "silver"}).public_id
    for query, expected in {
        "email=ada@example.COM": [ada],
        "external_id=crm-17": [ada],
        "metadata_key=plan": [bob, ada],
        "metadata_key=plan&metadata_value=gold": [ada],
        "metadata_key=seats&metadata_value=4": [],
        "search=love": [ada],
        "search=byron%20ad": [ada],
        "search=ada@example.com": [ada],
        "search=crm-17": [ada],
        "search=493012": [ada],
        "search=ovelace": [],
        "search=%C3%A5ngs": [bob],
        "search=bob%20ada": [],
        "search=---": [],
        "created_after=2000-01-01T00:00:00Z": [bob, ada],
        "created_before=2000-01-01T00:00:00Z": [],
    }.items():
        assert ids_of(client.get(f"/v1/customers?{query}")) == expected, query


def test_search_follows_a_changed_customer(client: ApiClient, world: World) -> None:
    path = f"/v1/customers/{make_customer(world.tenant(), metadata={'plan': 'gold', 'x': '1'}).public_id}"
    changed = client.patch(path, {"name": "Countess", "metadata": {"plan": "iron", "x": None}})
    assert changed.json["metadata"] == {"plan": "iron"}
    for query, found in {
        "search=countess": 1, "search=lovelace": 0, "metadata_key=x": 0,
        "metadata_key=plan&metadata_value=gold": 0, "metadata_key=plan&metadata_value=iron": 1,
    }.items():  # fmt: skip
        assert len(ids_of(client.get(f"/v1/customers?{query}"))) == found, query
    assert client.delete(path).status == 204
    assert ids_of(client.get("/v1/customers?search=countess")) == []
    assert ids_of(client.get("/v1/customers?metadata_key=plan")) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "  "}, {"name": "blank"}),
        ({"email": "nobody"}, {"email": "invalid"}),
        ({"phone": "12345"}, {"phone": "invalid"}),
        ({"phone": "+1"}, {"phone": "invalid"}),
        # Without its extension it would be stored as a different number.
        ({"phone": "+4930123456 ext. 7"}, {"phone": "invalid"}),
        ({"phone": "call +4930123456"}, {"phone": "invalid"}),
        ({"address": {"country": "Germany"}}, {"address.country": "invalid"}),
        ({"address": {"country": "ZZ"}}, {"address.country": "invalid"}),
        ({"address": {"planet": "Mars"}}, {"address.planet": "unknown_field"}),
        ({"metadata": {"": "x"}}, {"metadata": "name"}),
        ({"metadata": {"k" * 41: "x"}}, {"metadata": "name"}),
        ({"metadata": {str(number): "x" for number in range(51)}}, {"metadata": "too_many"}),
        ({"metadata": {"a": 1}}, {"metadata.a": "wrong_type"}),
        ({"metadata": {"a": "x" * 501}}, {"metadata.a": "max_length"}),
    ],
)
def test_invalid_customers_are_refused_by_field(
    client: ApiClient, world: World, body: dict[str, Any], expected: dict[str, str]
) -> None:
    assert field_codes(client.post("/v1/customers", {"name": "Ada", **body})) == expected
    with tenant_context(world.tenant()):
        assert not Customer.objects.exists()


def test_fifty_entries_of_the_largest_metadata_are_kept(client: ApiClient) -> None:
    metadata = {f"{number:02}" + "k" * 38: "🦆" * 500 for number in range(50)}
    made = client.post("/v1/customers", {"name": "Ada", "metadata": metadata})
    assert (made.status, made.json["metadata"]) == (201, metadata)


def test_external_id_is_reserved_until_its_customer_is_deleted(client: ApiClient) -> None:
    first = client.post("/v1/customers", {"name": "Ada", "external_id": "x"})
    assert client.post("/v1/customers", {"name": "Bob", "external_id": "x"}).code == "external_id_taken"
    client.delete(f"/v1/customers/{first.json['id']}")
    assert client.post("/v1/customers", {"name": "Bob", "external_id": "x"}).status == 201


def test_unknown_or_incomplete_filter_is_refused(client: ApiClient) -> None:
    assert field_codes(client.get("/v1/invoices?color=red")) == {"color": "unknown_parameter"}
    assert field_codes(client.get("/v1/invoices?status=gone")) == {"status": "invalid_choice"}
    assert field_codes(client.get("/v1/customers?metadata_value=gold")) == {"metadata_value": "invalid"}


def test_invoices_and_charges_are_found_by_every_filter(client: ApiClient, world: World) -> None:
    tenant = world.tenant()
    customer = make_customer(tenant)
    opened = make_invoice(
        tenant, customer=customer, finalize=True, external_id="o-1", due_date=date(2027, 3, 1)
    )
    draft = make_invoice(tenant).public_id
    charge = make_settled_charge(tenant, invoice=opened).public_id
    free = make_settled_charge(tenant).public_id
    opened_id = opened.public_id
    for query, expected in {
        f"customer={customer.public_id}": [opened_id],
        "customer=nonsense": [],
        "status=draft": [draft],
        "status=paid": [opened_id],
        "number=INV-000001": [opened_id],
        "external_id=o-1": [opened_id],
        "due_after=2027-03-01": [opened_id],
        "due_before=2027-03-01": [],
    }.items():
        assert ids_of(client.get(f"/v1/invoices?{query}")) == expected, query
    for query, expected in {
        f"invoice={opened_id}": [charge],
        f"customer={customer.public_id}": [charge],
        "status=succeeded": [free, charge],
        "status=failed": [],
        "invoice=in_nonsense": [],
    }.items():
        assert ids_of(client.get(f"/v1/charges?{query}")) == expected, query


# --- refusals with a code of their own -------------------------------------------------------------------------------------


def test_invoice_with_payments_cannot_be_voided_or_overcharged(client: ApiClient, world: World) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    body = {"invoice": invoice.public_id, "payment_method": "card_success", "amount": 11_000}
    assert client.post("/v1/charges", body).status == 201
    for step in ("void", "mark_uncollectible"):
        refused = client.post(f"/v1/invoices/{invoice.public_id}/{step}")
        assert (refused.status, refused.code) == (409, "invoice_has_payments")
    refused = client.post("/v1/charges", {**body, "amount": 901})
    assert (refused.status, refused.code) == (409, "charge_exceeds_amount_due")
    assert refused.json["error"]["amount_chargeable"] == 900


def test_refund_needs_a_succeeded_charge_and_stays_below_it(client: ApiClient, world: World) -> None:
    body = {"amount": 500, "currency": "EUR", "payment_method": "card_success"}
    pending = client.post("/v1/charges", body).json["id"]
    refused = client.post(f"/v1/charges/{pending}/refunds", {"amount": 1})
    assert (refused.status, refused.code) == (409, "charge_not_refundable")
    charge = make_settled_charge(world.tenant()).public_id
    refused = client.post(f"/v1/charges/{charge}/refunds", {"amount": 5_001})
    assert (refused.status, refused.code) == (409, "refund_exceeds_charge")
    assert refused.json["error"]["amount_refundable"] == 5_000
    assert client.get(f"/v1/charges/{charge}/refunds").json["data"] == []
