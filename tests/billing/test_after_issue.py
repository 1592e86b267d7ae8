"""What happens to an invoice once it is issued: paid past the gateway, credited, refunded, and taken back again."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection

from billing import services
from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine, OffPlatformPayment
from core import clock
from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.billing.conftest import SandboxProcess
from tests.billing.factories import (
    make_charge,
    make_credit_note,
    make_invoice,
    make_payment,
    make_refund,
    make_settled_charge,
)
from tests.clients import ApiAnswer, ApiClient
from tests.factories import SYSTEM, World, make_key

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


# --- payments past the gateway ------------------------------------------------------------------------------------------


def test_an_invoice_is_paid_by_two_transfers_and_open_again_when_one_is_undone(
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
def test_a_payment_that_cannot_be_one_is_refused_by_its_field(
    world: World, client: ApiClient, body: dict[str, Any], field: str
) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    answer = client.post(f"/v1/invoices/{invoice.public_id}/payments", body)
    assert answer.status == 400
    assert [each["field"] for each in answer.json["error"]["fields"]] == [field]
    assert money_of(client, invoice) == money("open", 0, 11_900)


def test_a_payment_leaves_room_for_a_charge_that_is_pending(world: World, client: ApiClient) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    make_charge(world.tenant(), settle=False, invoice=invoice, amount=10_000)
    path = f"/v1/invoices/{invoice.public_id}/payments"
    refused = client.post(path, {"method": "cash", "amount": 1_901})
    assert code(refused) == (409, "payment_exceeds_amount_due")
    assert refused.json["error"]["amount_chargeable"] == 1_900
    assert client.post(path, {"method": "cash", "amount": 1_900}).status == 201


def test_transfers_and_charges_at_once_never_pay_an_invoice_twice(world: World) -> None:
    tenant = world.tenant()
    invoice = make_invoice(tenant, finalize=True)
    accepted: list[int] = []

    def pay(number: int) -> None:
        try:
            with tenant_context(tenant):
                if number % 2:
                    services.record_payment(invoice=invoice, actor=SYSTEM, method="cash", amount=2_000)
                else:
                    services.create_charge(
                        invoice=invoice, actor=SYSTEM, payment_method="card_success", amount=2_000
                    )
            accepted.append(number)
        except (services.payments.PaymentExceedsAmountDue, services.charges.ChargeExceedsAmountDue):
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=pay, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    with tenant_context(tenant):
        found = Invoice.objects.get(id=invoice.id)
    assert len(accepted) == 5
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


def test_what_was_paid_is_credited_after_what_is_due(world: World, client: ApiClient) -> None:
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


def test_a_payment_that_was_credited_is_not_undone(world: World, client: ApiClient) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    payment = make_payment(world.tenant(), invoice=invoice, amount=11_900)
    make_credit_note(world.tenant(), invoice=invoice, amount=100)
    refused = client.post(f"/v1/payments/{payment.public_id}/undo", {"reason": "Bounced"})
    assert code(refused) == (409, "payment_not_undoable")
    assert "€1.00" in refused.json["detail"]


def test_a_refund_with_a_credit_note_and_one_that_fails(
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


def test_twenty_credit_notes_at_once_are_numbered_without_a_gap_and_take_back_no_more(world: World) -> None:
    tenant = world.tenant()
    invoice = make_invoice(tenant, finalize=True)
    refused: list[int] = []

    def credit(number: int) -> None:
        try:
            make_credit_note(tenant, invoice=invoice, amount=1_000)
        except services.credit_notes.CreditExceedsInvoice:
            refused.append(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=credit, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    with tenant_context(tenant):
        notes = list(CreditNote.objects.order_by("sequence"))
    assert ([note.sequence for note in notes], len(refused)) == (list(range(1, 12)), 9)
    assert [note.number for note in notes][-1] == "CN-000011"


# --- the database holds it --------------------------------------------------------------------------------------------


def refused_by_the_database(world: World, write: Any) -> str:
    with pytest.raises(IntegrityError) as caught, tenant_context(world.tenant()):
        write()
    return str(caught.value)


def test_the_database_refuses_sums_that_do_not_add_up_and_changes_of_what_was_issued(world: World) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    note = make_credit_note(world.tenant(), invoice=invoice)
    payment = make_payment(world.tenant(), invoice=invoice)
    with tenant_context(world.tenant()):
        line = InvoiceLine.objects.get(invoice=invoice)
    notes, payments = CreditNote.objects, OffPlatformPayment.objects
    found = {
        name: refused_by_the_database(world, write)
        for name, write in {
            "paid": lambda: Invoice.objects.filter(id=invoice.id).update(amount_paid=2_000),
            "credited": lambda: Invoice.objects.filter(id=invoice.id).update(pre_payment_credit=0),
            "note": lambda: notes.filter(id=note.id).update(total=1, subtotal=1, tax=0, pre_payment_amount=1),
            "deleted": lambda: payments.filter(id=payment.id).delete(),
            "amount": lambda: payments.filter(id=payment.id).update(amount=1),
            "line": lambda: CreditNoteLine.objects.filter(credit_note=note).update(amount=1),
            "added": lambda: CreditNoteLine.objects.create(
                credit_note=note, invoice_line=line, position=9, amount=10_000, tax=0
            ),
        }.items()
    }
    assert {name: text.split("\n")[0] for name, text in found.items()} == {
        "paid": "what an invoice counts as paid is the sum of its charges and payments",
        "credited": "what an invoice counts as credited is the sum of its credit notes",
        "note": "what was issued is never deleted, and is taken back at most once",
        "deleted": "what was issued is never deleted, and is taken back at most once",
        "amount": "what was issued is never deleted, and is taken back at most once",
        "line": "a line of a credit note does not change",
        "added": 'duplicate key value violates unique constraint "billing_creditnoteline_once"',
    }


# --- metadata -----------------------------------------------------------------------------------------------------------


def test_metadata_of_everything_that_is_final_stays_editable(world: World, client: ApiClient) -> None:
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


def test_a_payment_may_be_a_day_ahead_of_us_and_no_more(world: World) -> None:
    payment = make_payment(world.tenant(), paid_at=clock.now() + timedelta(hours=14))
    assert payment.paid_at > clock.now()
