"""Issued invoices: paid outside the gateway, credited, refunded, and undone."""

from datetime import timedelta
from typing import Any

import pytest

from billing import representations, services
from billing.gateways import Outcome
from billing.models import (
    CreditNote,
    Invoice,
    Refund,
)
from billing.services import errors
from billing.services.refunds import settle_refund
from core import clock
from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.billing.factories import (
    make_charge,
    make_credit_note,
    make_invoice,
    make_payment,
    make_refund,
    make_settled_charge,
)
from tests.clients import ApiAnswer, ApiClient
from tests.factories import SYSTEM, World, make_key, make_seller
from tests.sandbox import SandboxProcess
from tests.threads import all_at_once

TWO_RATES = [
    {"description": "Consulting", "quantity": 3, "unit_amount": 3_333, "tax_rate_bps": 1_900},
    {"description": "Books", "quantity": 4, "unit_amount": 1_000, "tax_rate_bps": 700},
]
SCOPES = ("invoices:read", "invoices:write", "charges:read", "charges:write", "customers:write")


@pytest.fixture
def client(world: World) -> ApiClient:
    return ApiClient(make_key(world.company, scopes=SCOPES).client_secret)


def money_of(client: ApiClient, invoice: Invoice) -> dict[str, Any]:
    found = client.get(f"/v1/invoices/{invoice.public_id}").json
    names = ("status", "amount_paid", "amount_due", "pre_payment_credit", "post_payment_credit")
    return {name: found[name] for name in (*names, "amount_refunded")}


def money(
    status: str, paid: int, due: int, before: int = 0, after: int = 0, refunded: int = 0
) -> dict[str, Any]:
    return {
        "status": status,
        "amount_paid": paid,
        "amount_due": due,
        "pre_payment_credit": before,
        "post_payment_credit": after,
        "amount_refunded": refunded,
    }


def code(answer: ApiAnswer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


def events_of(world: World, object_id: str) -> list[str]:
    with tenant_context(world.tenant()):
        rows = OutboxEvent.objects.filter(object_id=object_id).order_by("id")
        return [row.type for row in rows]


# --- payments outside the gateway ------------------------------------------------------------------------------------------


def test_invoice_is_paid_by_two_transfers_and_reopened_when_one_is_undone(
    world: World, client: ApiClient
) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    path = f"/v1/invoices/{invoice.public_id}"

    first = client.post(
        f"{path}/payments",
        {
            "method": "bank_transfer",
            "amount": 5_000,
            "paid_at": "2026-01-31T00:00:00Z",
            "reference": "RF18 5390",
        },
    )
    assert first.status == 201
    shown = {
        name: first.json[name] for name in ("object", "invoice", "amount", "currency", "paid_at", "reference")
    }
    assert shown == {
        "object": "payment",
        "invoice": invoice.public_id,
        "amount": 5_000,
        "currency": "EUR",
        "paid_at": "2026-01-31T00:00:00.000000Z",
        "reference": "RF18 5390",
    }
    assert money_of(client, invoice) == money("open", 5_000, 6_900)
    second = client.post(f"{path}/payments", {"method": "cash", "amount": 6_900})
    assert money_of(client, invoice) == money("paid", 11_900, 0)

    undone = client.post(f"/v1/payments/{second.json['id']}/undo", {"reason": "Counted twice"})

    assert (undone.status, undone.json["undo_reason"], undone.json["undone_at"] is not None) == (
        200,
        "Counted twice",
        True,
    )
    assert money_of(client, invoice) == money("open", 5_000, 6_900)
    assert events_of(world, invoice.public_id)[-2:] == ["invoice.paid", "invoice.reopened"]
    assert events_of(world, second.json["id"]) == ["payment.recorded", "payment.undone"]
    assert code(client.post(f"/v1/payments/{second.json['id']}/undo", {"reason": "Again"})) == (
        409,
        "payment_not_undoable",
    )
    listed = client.get(f"/v1/payments?invoice={invoice.public_id}").json["data"]
    assert [row["id"] for row in listed] == [second.json["id"], first.json["id"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"method": "cheque", "amount": 1}, "method"),
        ({"method": "cash"}, "amount"),
        ({"method": "cash", "amount": 0}, "amount"),
        ({"method": "cash", "amount": 1, "paid_at": "2999-01-01T00:00:00Z"}, "paid_at"),
        ({"method": "cash", "amount": 1, "paid_at": "1999-01-01T00:00:00Z"}, "paid_at"),
        ({"method": "cash", "amount": 1, "reference": "two\nlines"}, "reference"),
    ],
)
def test_invalid_payment_is_refused_by_field(
    world: World, client: ApiClient, body: dict[str, Any], field: str
) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    answer = client.post(f"/v1/invoices/{invoice.public_id}/payments", body)
    assert answer.status == 400
    assert [each["field"] for each in answer.json["error"]["fields"]] == [field]
    assert money_of(client, invoice) == money("open", 0, 11_900)


def test_payment_leaves_room_for_a_pending_charge(world: World, client: ApiClient) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    make_charge(world.tenant(), settle=False, invoice=invoice, amount=10_000)
    path = f"/v1/invoices/{invoice.public_id}/payments"
    refused = client.post(path, {"method": "cash", "amount": 1_901})
    assert code(refused) == (409, "payment_exceeds_amount_due")
    assert refused.json["error"]["amount_chargeable"] == 1_900
    assert client.post(path, {"method": "cash", "amount": 1_900}).status == 201


def test_concurrent_transfers_and_charges_never_pay_an_invoice_twice(world: World) -> None:
    tenant = world.tenant()
    invoice = make_invoice(tenant, finalize=True)

    def pay(number: int) -> None:
        with tenant_context(tenant):
            if number % 2:
                services.record_payment(invoice=invoice, actor=SYSTEM, method="cash", amount=2_000)
            else:
                services.create_charge(
                    invoice=invoice, actor=SYSTEM, payment_method="card_success", amount=2_000
                )

    results = all_at_once(12, pay)

    with tenant_context(tenant):
        found = Invoice.objects.get(id=invoice.id)
    refused = [result for result in results if result is not None]
    assert len(refused) == 7
    assert {type(each) for each in refused} <= {errors.PaymentExceedsAmountDue, errors.ChargeExceedsAmountDue}
    assert found.amount_paid + found.amount_pending == 10_000


# --- credit notes -------------------------------------------------------------------------------------------------------


def test_lines_of_two_rates_are_credited_in_part_then_the_rest(world: World, client: ApiClient) -> None:
    # Given 99.99 at 19 % (tax 19.00) and 40.00 at 7 % (tax 2.80): 161.79
    invoice = make_invoice(world.tenant(), finalize=True, lines=TWO_RATES)
    consulting, books = client.get(f"/v1/invoices/{invoice.public_id}").json["lines"]

    first = client.post(
        "/v1/credit_notes",
        {
            "invoice": invoice.public_id,
            "reason": "order_change",
            "memo": "One day less",
            "lines": [
                {"invoice_line": consulting["id"], "quantity": 1},
                {"invoice_line": books["id"], "amount": 500},
            ],
        },
    )

    assert first.status == 201
    note = first.json
    assert (note["number"], note["subtotal"], note["tax"], note["total"]) == ("CN-000001", 3_833, 668, 4_501)
    assert note["tax_breakdown"] == [
        {"tax_rate_bps": 700, "taxable": 500, "tax": 35},
        {"tax_rate_bps": 1_900, "taxable": 3_333, "tax": 633},
    ]
    assert (note["pre_payment_amount"], note["post_payment_amount"]) == (4_501, 0)
    assert note["seller"]["legal_name"] == "Acme Maschinenbau GmbH"
    assert money_of(client, invoice) == money("open", 0, 16_179 - 4_501, before=4_501)

    too_much = client.post(
        "/v1/credit_notes",
        {"invoice": invoice.public_id, "lines": [{"invoice_line": consulting["id"], "quantity": 2.5}]},
    )
    assert too_much.json["error"]["fields"] == [
        {"field": "lines.0.quantity", "code": "too_large", "message": "2 of this line can be credited."}
    ]

    rest = client.post("/v1/credit_notes", {"invoice": invoice.public_id, "full": True})
    assert (rest.json["number"], rest.json["total"], rest.json["tax"]) == ("CN-000002", 11_678, 2_180 - 668)
    assert money_of(client, invoice) == money("paid", 0, 0, before=16_179)
    assert code(client.post("/v1/credit_notes", {"invoice": invoice.public_id, "amount": 1})) == (
        409,
        "credit_exceeds_invoice",
    )


def test_amount_due_is_credited_before_what_was_paid(world: World, client: ApiClient) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    make_payment(world.tenant(), invoice=invoice, amount=10_000)
    note = client.post("/v1/credit_notes", {"invoice": invoice.public_id, "amount": 3_000}).json
    assert (note["pre_payment_amount"], note["post_payment_amount"]) == (1_900, 1_100)
    assert money_of(client, invoice) == money("paid", 10_000, 0, before=1_900, after=1_100)

    voided = client.post(f"/v1/credit_notes/{note['id']}/void", {"reason": "Wrong customer"})

    assert (voided.json["status"], voided.json["number"]) == ("void", "CN-000001")
    assert money_of(client, invoice) == money("open", 10_000, 1_900)
    assert code(client.post(f"/v1/credit_notes/{note['id']}/void", {})) == (409, "credit_note_not_voidable")
    assert (
        client.post("/v1/credit_notes", {"invoice": invoice.public_id, "full": True}).json["total"] == 11_900
    )


def test_credited_payment_cannot_be_undone(world: World, client: ApiClient) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    payment = make_payment(world.tenant(), invoice=invoice, amount=11_900)
    make_credit_note(world.tenant(), invoice=invoice, amount=100)
    refused = client.post(f"/v1/payments/{payment.public_id}/undo", {"reason": "Bounced"})
    assert code(refused) == (409, "payment_not_undoable")
    assert "€1.00" in refused.json["detail"]


def test_failed_refund_voids_its_credit_note(
    world: World, client: ApiClient, gateway: SandboxProcess
) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    charge = make_charge(world.tenant(), invoice=invoice)
    path = f"/v1/charges/{charge.public_id}/refunds"
    body = {"amount": 1_190, "reason": "duplicate", "credit_note": True, "metadata": {"ticket": "7"}}

    refund = client.post(path, body).json

    assert (refund["reason"], refund["metadata"], refund["invoice"]) == (
        "duplicate",
        {"ticket": "7"},
        invoice.public_id,
    )
    note = client.get(f"/v1/credit_notes/{refund['credit_note']}").json
    assert (note["total"], note["subtotal"], note["tax"], note["refund"]) == (1_190, 1_000, 190, refund["id"])
    assert code(client.post(f"/v1/credit_notes/{note['id']}/void", {})) == (409, "credit_note_not_voidable")
    services.complete_payments()
    assert client.get(f"/v1/refunds/{refund['id']}").json["status"] == "succeeded"
    assert money_of(client, invoice) == money("paid", 11_900, 0, after=1_190, refunded=1_190)

    failing = client.post(path, {"amount": 4_002, "credit_note": True}).json
    assert money_of(client, invoice) == money("paid", 11_900, 0, after=5_192, refunded=1_190)
    services.complete_payments()
    assert client.get(f"/v1/refunds/{failing['id']}").json["status"] == "failed"
    voided = client.get(f"/v1/credit_notes/{failing['credit_note']}").json
    assert (voided["status"], voided["void_reason"]) == ("void", "The refund failed.")
    assert money_of(client, invoice) == money("paid", 11_900, 0, after=1_190, refunded=1_190)
    listed = client.get(f"/v1/refunds?charge={charge.public_id}").json["data"]
    assert [row["id"] for row in listed] == [failing["id"], refund["id"]]


@pytest.mark.parametrize("mode", ["live", "test"])
def test_credit_note_requires_seller_details_and_memo_like_an_invoice(world: World, mode: str) -> None:
    client = ApiClient(make_key(world.company, mode=mode, scopes=SCOPES).client_secret)
    invoice = make_invoice(world.tenant(mode), finalize=True)
    make_seller(world.tenant(mode), tax_ids=[])

    answer = client.post(
        "/v1/credit_notes", {"invoice": invoice.public_id, "amount": 1_190, "memo": "Tablet \U00010380"}
    )

    wanted = [("seller.tax_ids", "required"), ("memo", "unprintable")]
    if mode == "live":
        assert code(answer) == (409, "credit_note_incomplete")
        assert [(each["field"], each["code"]) for each in answer.json["error"]["fields"]] == wanted
        assert money_of(client, invoice) == money("open", 0, 11_900)
    else:
        assert answer.status == 201
        assert [(each["field"], each["code"]) for each in answer.json["warnings"]] == wanted


# 3 at 19 % includes 1 of tax: of four credit notes of 1, the third is tax only, and the fourth an amount only.
FOUR_UNITS = [{"description": "Screw", "quantity": 1, "unit_amount": 3, "tax_rate_bps": 1_900}]


def test_tax_only_credit_note_is_voided_and_the_tax_credited_again(world: World, client: ApiClient) -> None:
    invoice = make_invoice(world.tenant(), finalize=True, lines=FOUR_UNITS)
    body = {"invoice": invoice.public_id, "amount": 1}
    notes = [client.post("/v1/credit_notes", body).json for _ in range(4)]
    assert [(note["subtotal"], note["tax"]) for note in notes] == [(1, 0), (1, 0), (0, 1), (1, 0)]

    voided = client.post(f"/v1/credit_notes/{notes[2]['id']}/void", {})

    assert (voided.status, voided.json["status"]) == (200, "void")
    assert money_of(client, invoice) == money("open", 0, 1, before=3)
    again = client.post("/v1/credit_notes", {"invoice": invoice.public_id, "full": True})
    assert (again.status, again.json["subtotal"], again.json["tax"]) == (201, 0, 1)
    assert money_of(client, invoice) == money("paid", 0, 0, before=4)


def test_failed_refund_voids_a_tax_only_credit_note(world: World) -> None:
    tenant = world.tenant()
    charge = make_settled_charge(tenant, invoice=make_invoice(tenant, finalize=True, lines=FOUR_UNITS))
    refunds = [make_refund(tenant, charge=charge, amount=1, credit_note=True) for _ in range(4)]
    declined = Outcome(succeeded=False, reference="", failure_code="declined", failure_message="Declined")

    with tenant_context(tenant):
        settle_refund(refund=refunds[2], outcome=declined, actor=SYSTEM)

    with tenant_context(tenant):
        statuses = [CreditNote.objects.get(refund=refund).status for refund in refunds]
        assert Refund.objects.get(id=refunds[2].id).status == "failed"
    assert statuses == ["issued", "issued", "void", "issued"]


def test_credit_note_query_count_is_independent_of_its_lines(
    world: World, django_assert_num_queries: Any
) -> None:
    line = {"description": "Hour", "quantity": 1, "unit_amount": 100, "tax_rate_bps": 1_900}
    note = make_credit_note(
        world.tenant(), invoice=make_invoice(world.tenant(), finalize=True, lines=[line] * 30), full=True
    )
    with tenant_context(world.tenant()):
        note = CreditNote.objects.get(id=note.id)
        with django_assert_num_queries(3):  # its invoice, its lines, and those of the invoice
            assert len(representations.credit_note(note)["lines"]) == 30


@pytest.mark.parametrize(("full", "status"), [(False, 403), (True, 201)])
def test_refund_with_a_credit_note_requires_both_scopes(world: World, full: bool, status: int) -> None:
    scopes = ("charges:write", *(("invoices:write",) if full else ()))
    client = ApiClient(make_key(world.company, scopes=scopes).client_secret)
    charge = make_settled_charge(world.tenant(), invoice=make_invoice(world.tenant(), finalize=True))
    path = f"/v1/charges/{charge.public_id}/refunds"

    answer = client.post(path, {"amount": 1_190, "credit_note": True})

    assert answer.status == status
    with tenant_context(world.tenant()):
        found = (Refund.objects.filter(charge=charge).count(), CreditNote.objects.count())
    assert found == ((1, 1) if full else (0, 0))
    if not full:
        assert answer.json["error"]["code"] == "insufficient_scope"
        assert answer.json["error"]["required_scopes"] == ["invoices:write"]
        assert client.post(path, {"amount": 1_190, "credit_note": False}).status == 201


def test_twenty_concurrent_credit_notes_are_numbered_without_gaps_and_never_exceed_the_invoice(
    world: World,
) -> None:
    tenant = world.tenant()
    invoice = make_invoice(tenant, finalize=True)

    results = all_at_once(20, lambda _: make_credit_note(tenant, invoice=invoice, amount=1_000))

    with tenant_context(tenant):
        notes = list(CreditNote.objects.order_by("sequence"))
    refused = [result for result in results if isinstance(result, errors.CreditExceedsInvoice)]
    assert ([note.sequence for note in notes], len(refused)) == (list(range(1, 12)), 9)
    assert [note.number for note in notes][-1] == "CN-000011"


# --- metadata -----------------------------------------------------------------------------------------------------------


def test_metadata_of_final_objects_stays_editable(world: World, client: ApiClient) -> None:
    tenant = world.tenant()
    charge = make_settled_charge(tenant, metadata={"a": "1"})
    paths = {
        f"/v1/invoices/{make_invoice(tenant, finalize=True).public_id}": "invoice.updated",
        f"/v1/charges/{charge.public_id}": "charge.updated",
        f"/v1/refunds/{make_refund(tenant, charge=charge).public_id}": "refund.updated",
        f"/v1/credit_notes/{make_credit_note(tenant).public_id}": "credit_note.updated",
        f"/v1/payments/{make_payment(tenant).public_id}": "payment.updated",
    }
    for path, kind in paths.items():
        answer = client.patch(path, {"metadata": {"a": None, "order": "7"}})
        assert (answer.status, answer.json["metadata"]) == (200, {"order": "7"}), path
        assert events_of(world, path.rpartition("/")[2])[-1] == kind
        assert client.patch(path, {"amount": 1}).status in (400, 409), path


def test_payment_date_may_be_at_most_a_day_ahead(world: World) -> None:
    payment = make_payment(world.tenant(), paid_at=clock.now() + timedelta(hours=14))
    assert payment.paid_at > clock.now()
