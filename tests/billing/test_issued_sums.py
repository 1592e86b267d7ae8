"""What was issued does not change and its sums add up, whatever writes it: the database itself sees to that."""

from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import F

from billing import services
from billing.models import (
    CreditNote,
    CreditNoteCounter,
    CreditNoteLine,
    Invoice,
    InvoiceLine,
    OffPlatformPayment,
)
from billing.services import numbering
from core import clock
from core.tenancy import tenant_context
from tests.billing.factories import make_credit_note, make_invoice, make_payment
from tests.factories import SYSTEM, World


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


def insert_note(
    invoice: Invoice, lines: list[tuple[InvoiceLine, int, int, int | None]], *, tax: int, total: int
) -> None:
    """Insert a credit note bypassing all services, as the role `app` could."""
    note = CreditNote(
        invoice=invoice, sequence=numbering.next_number(CreditNoteCounter), number=f"X-{clock.now().timestamp()}",
        seller={}, billed_to={}, subtotal=total - tax, tax=tax, total=total, pre_payment_amount=total, post_payment_amount=0,
    )  # fmt: skip
    CreditNote.objects.bulk_create([note])
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            credit_note=note,
            invoice_line=line,
            position=position,
            amount=amount,
            tax=line_tax,
            quantity=quantity,
        )
        for position, (line, amount, line_tax, quantity) in enumerate(lines)
    )
    Invoice.objects.filter(id=invoice.id).update(pre_payment_credit=F("pre_payment_credit") + total)


TOTALS = "the totals of a credit note are the sums of its lines"
OWN_LINES = "a credit note takes back lines of its own invoice"
AT_MOST = "credit notes take back at most what the invoice has"


# The invoice has one line: 2 of 50.00 at 19 %. Each row: tax and total of the note, and (amount, tax, quantity) of its line.
@pytest.mark.parametrize(
    ("of_other_invoice", "tax", "total", "line", "refusal"),
    [
        (False, 190, 1_190, (1_000, 190, 1), None),
        (False, 190, 1_190, (999, 190, None), TOTALS),
        (False, 189, 1_190, (1_000, 190, None), TOTALS),
        (False, 190, 1_190, None, TOTALS),
        (True, 190, 1_190, (1_000, 190, None), OWN_LINES),
        (False, 0, 10_001, (10_001, 0, None), AT_MOST),
        (False, 190, 1_190, (1_000, 190, 3), AT_MOST),
        (False, 1_901, 1_902, (1, 1_901, None), AT_MOST),
    ],
)
def test_database_refuses_crediting_more_than_the_invoice(
    world: World,
    of_other_invoice: bool,
    tax: int,
    total: int,
    line: tuple[int, int, int | None] | None,
    refusal: str | None,
) -> None:
    invoice, other = (make_invoice(world.tenant(), finalize=True) for _ in range(2))
    with tenant_context(world.tenant()):
        named = InvoiceLine.objects.get(invoice=other if of_other_invoice else invoice)
    lines = [(named, *line)] if line else []

    if refusal is None:
        with tenant_context(world.tenant()):
            insert_note(invoice, lines, tax=tax, total=total)
    else:
        found = refused_by_the_database(world, lambda: insert_note(invoice, lines, tax=tax, total=total))
        assert found.split("\n")[0] == refusal

    with tenant_context(world.tenant()):
        invoice.refresh_from_db()
        assert CreditNote.objects.count() == (0 if refusal else 1)
    assert invoice.pre_payment_credit == (0 if refusal else total)


def test_database_refuses_two_credit_notes_exceeding_the_invoice(world: World) -> None:
    invoice = make_invoice(world.tenant(), finalize=True)
    note = make_credit_note(world.tenant(), invoice=invoice, amount=5_950)
    with tenant_context(world.tenant()):
        line = InvoiceLine.objects.get(invoice=invoice)

    def second() -> None:
        insert_note(invoice, [(line, 5_001, 949, None)], tax=949, total=5_950)

    assert refused_by_the_database(world, second).split("\n")[0] == AT_MOST
    with tenant_context(world.tenant()):
        services.void_credit_note(credit_note=note, actor=SYSTEM)
        second()
