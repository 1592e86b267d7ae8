"""Random sequences of invoice, charge, refund, payment and credit note operations, compared with a small model and the gateway's ledger."""

from typing import Any

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from billing import services
from billing.gateways.sandbox_ledger import REFUNDS
from billing.models import Charge, Invoice, Refund
from billing.services import charges, completion
from billing.services.errors import (
    ChargeExceedsAmountDue,
    ChargeNotRefundable,
    CreditExceedsInvoice,
    CreditNoteNotVoidable,
    InvoiceEmpty,
    InvoiceHasCreditNotes,
    InvoiceHasPayments,
    InvoiceIsDraft,
    InvoiceNotCreditable,
    InvoiceNotDraft,
    InvoiceNotOpen,
    PaymentExceedsAmountDue,
    PaymentNotUndoable,
    RefundExceedsCharge,
)
from core.errors import FieldErrors
from core.tenancy import tenant_context
from tests.billing.factories import make_invoice, set_aside_due_payments
from tests.billing.pocket_gateway import PocketGateway
from tests.factories import SYSTEM, make_world

LINES = st.lists(
    st.builds(
        lambda quantity, unit, share, bps: {
            "description": "x",
            "quantity": quantity,
            "unit_amount": unit,
            "discount_amount": quantity * unit * share // 100,
            "tax_rate_bps": bps,
        },
        st.integers(1, 1_000),
        st.integers(0, 100_000),
        st.integers(0, 100),
        st.integers(0, 10_000),
    ),
    max_size=5,
)
CARDS = st.sampled_from(["card_success", "card_success", "card_declined", "card_insufficient_funds"])
REFUSALS = {
    "charge": (InvoiceNotOpen, ChargeExceedsAmountDue, FieldErrors),
    "refund": (ChargeNotRefundable, RefundExceedsCharge),
    "pay": (InvoiceIsDraft, InvoiceNotOpen, PaymentExceedsAmountDue, FieldErrors),
    "credit": (InvoiceNotCreditable, CreditExceedsInvoice),
}


def expected_totals(lines: list[dict[str, Any]]) -> tuple[int, int]:
    """Return (subtotal, tax), calculated independently of the product: exact fractions, rounded manually."""
    from fractions import Fraction

    subtotal = tax = 0
    taxed: dict[int, int] = {}
    for line in lines:
        amount = line["quantity"] * line["unit_amount"] - line["discount_amount"]
        taxed[line["tax_rate_bps"]] = taxed.get(line["tax_rate_bps"], 0) + amount
        subtotal += amount
    for rate, amount in taxed.items():
        exact = Fraction(amount * rate, 10_000)
        whole = exact.numerator // exact.denominator
        tax += whole + (1 if exact - whole >= Fraction(1, 2) else 0)
    return subtotal, tax


class InvoiceMachine(RuleBasedStateMachine):
    """The model: per invoice its lines, status, and paid, pending and credited amounts; per charge its refunds and pending refunds."""

    invoices = Bundle("invoices")
    paid_charges = Bundle("paid_charges")
    payments = Bundle("payments")
    notes = Bundle("notes")

    @initialize()
    def begin(self) -> None:
        self.gateway = PocketGateway()
        charges.current_gateway = lambda: self.gateway  # type: ignore[attr-defined]
        completion.gateway_named = lambda name: self.gateway  # type: ignore[attr-defined]
        set_aside_due_payments()  # of the previous example, too
        world = make_world()
        self.tenant = world.tenant()
        self.model: dict[Any, dict[str, Any]] = {}
        self.charges: dict[Any, dict[str, Any]] = {}
        self.numbers = 0

    def teardown(self) -> None:
        charges.current_gateway, completion.gateway_named = CURRENT, NAMED  # type: ignore[attr-defined]

    @rule(target=invoices, lines=LINES)
    def create(self, lines: list[dict[str, Any]]) -> Any:
        invoice = make_invoice(self.tenant, lines=lines)
        self.model[invoice.id] = {
            "lines": lines,
            "status": "draft",
            "paid": 0,
            "pending": 0,
            "before": 0,
            "after": 0,
        }
        return invoice.id

    @rule(key=invoices, lines=LINES)
    def edit(self, key: Any, lines: list[dict[str, Any]]) -> None:
        model = self.model[key]
        if self.step(key, services.update_invoice, InvoiceNotDraft, lines=lines):
            assert model["status"] == "draft"
            model["lines"] = lines
        else:
            assert model["status"] != "draft"

    @rule(key=invoices)
    def finalize(self, key: Any) -> None:
        model = self.model[key]
        done = self.step(key, services.finalize_invoice, (InvoiceNotDraft, InvoiceEmpty))
        assert done == (model["status"] == "draft" and bool(model["lines"]))
        if done:
            self.numbers += 1
            model["status"] = "open" if sum(expected_totals(model["lines"])) else "paid"

    @rule(key=invoices)
    def void(self, key: Any) -> None:
        model = self.model[key]
        refusals = (InvoiceNotOpen, InvoiceHasPayments, InvoiceHasCreditNotes)
        done = self.step(key, services.void_invoice, refusals)
        touched = model["paid"] or model["pending"] or model["before"]
        assert done == (model["status"] == "open" and not touched)
        if done:
            model["status"] = "void"

    @rule(key=invoices)
    def give_up(self, key: Any) -> None:
        model = self.model[key]
        done = self.step(key, services.mark_uncollectible, (InvoiceNotOpen, InvoiceHasPayments))
        assert done == (model["status"] == "open" and not model["pending"])
        if done:
            model["status"] = "uncollectible"

    @rule(key=invoices, card=CARDS, percent=st.integers(0, 110))
    def charge(self, key: Any, card: str, percent: int) -> None:
        model = self.model[key]
        left = self.left(model)
        amount = max(left, 0) * percent // 100
        with tenant_context(self.tenant):
            try:
                made = services.create_charge(
                    actor=SYSTEM, invoice=Invoice.objects.get(id=key), payment_method=card, amount=amount
                )
            except REFUSALS["charge"]:
                assert model["status"] != "open" or not 0 < amount <= left
                return
        assert model["status"] == "open"
        assert 0 < amount <= left
        model["pending"] += amount
        self.charges[made.id] = {
            "invoice": key,
            "amount": amount,
            "card": card,
            "status": "pending",
            "refunds": [],
        }

    @rule(target=paid_charges)
    def complete(self) -> Any:
        completion.complete_payments()
        settled = []
        for key, charge in self.charges.items():
            for refund in charge["refunds"]:
                refund["status"] = "succeeded"
            if charge["status"] != "pending":
                continue
            invoice = self.model[charge["invoice"]]
            invoice["pending"] -= charge["amount"]
            charge["status"] = "succeeded" if charge["card"] == "card_success" else "failed"
            if charge["status"] == "succeeded":
                settled.append(key)
                invoice["paid"] += charge["amount"]
                self.settle(invoice)
        return multiple(*settled)

    @rule(key=paid_charges, percent=st.integers(0, 110))
    def refund(self, key: Any, percent: int) -> None:
        model = self.charges[key]
        left = model["amount"] - sum(refund["amount"] for refund in model["refunds"])
        amount = left * percent // 100
        assume(amount not in REFUNDS)  # amounts that the sandbox declines or does not respond to
        with tenant_context(self.tenant):
            try:
                services.create_refund(charge=Charge.objects.get(id=key), actor=SYSTEM, amount=amount)
            except REFUSALS["refund"]:
                assert not 0 < amount <= left
                return
        assert 0 < amount <= left
        model["refunds"].append({"amount": amount, "status": "pending"})

    @rule(target=payments, key=invoices, percent=st.integers(0, 110))
    def pay(self, key: Any, percent: int) -> Any:
        model = self.model[key]
        left = self.left(model)
        amount = max(left, 0) * percent // 100
        with tenant_context(self.tenant):
            try:
                made = services.record_payment(
                    actor=SYSTEM, invoice=Invoice.objects.get(id=key), method="cash", amount=amount
                )
            except REFUSALS["pay"]:
                assert model["status"] != "open" or not 0 < amount <= left
                return multiple()
        assert model["status"] == "open"
        assert 0 < amount <= left
        model["paid"] += amount
        self.settle(model)
        return (key, made, amount)

    @rule(paid=consumes(payments))
    def undo(self, paid: Any) -> None:
        key, payment, amount = paid
        model = self.model[key]
        refunded = sum(
            refund["amount"]
            for charge in self.charges.values()
            if charge["invoice"] == key
            for refund in charge["refunds"]
            if refund["status"] == "succeeded"
        )
        allowed = model["status"] in ("open", "paid") and model["paid"] - amount >= max(
            model["after"], refunded
        )
        with tenant_context(self.tenant):
            try:
                services.undo_payment(actor=SYSTEM, payment=payment, reason="x")
            except (PaymentNotUndoable, InvoiceNotOpen):
                assert not allowed
                return
        assert allowed
        model["paid"] -= amount
        self.settle(model)

    @rule(target=notes, key=invoices, percent=st.integers(0, 110))
    def credit(self, key: Any, percent: int) -> Any:
        model = self.model[key]
        due, paid = max(self.left(model), 0), model["paid"] - model["after"]
        amount = (due + paid) * percent // 100
        with tenant_context(self.tenant):
            try:
                note = services.create_credit_note(
                    actor=SYSTEM, invoice=Invoice.objects.get(id=key), amount=amount
                )
            except REFUSALS["credit"]:
                assert model["status"] not in ("open", "paid") or not 0 < amount <= due + paid
                return multiple()
        assert model["status"] in ("open", "paid")
        assert 0 < amount <= due + paid
        assert (note.pre_payment_amount, note.total) == (min(amount, due), amount)
        model["before"] += note.pre_payment_amount
        model["after"] += note.post_payment_amount
        self.settle(model)
        return (key, note)

    @rule(made=consumes(notes))
    def void_note(self, made: Any) -> None:
        key, note = made
        model = self.model[key]
        with tenant_context(self.tenant):
            try:
                services.void_credit_note(actor=SYSTEM, credit_note=note)
            except CreditNoteNotVoidable:
                assert model["status"] == "uncollectible"
                return
        model["before"] -= note.pre_payment_amount
        model["after"] -= note.post_payment_amount
        self.settle(model)

    @staticmethod
    def left(model: dict[str, Any]) -> int:
        """Return the amount of an invoice that is due and not being charged."""
        return sum(expected_totals(model["lines"])) - model["paid"] - model["pending"] - model["before"]

    def settle(self, model: dict[str, Any]) -> None:
        """An invoice is paid while nothing is due."""
        if model["status"] in ("open", "paid"):
            model["status"] = "open" if self.left(model) + model["pending"] else "paid"

    @rule(key=consumes(invoices))
    def delete(self, key: Any) -> None:
        done = self.step(key, services.delete_invoice, InvoiceNotDraft)
        assert done == (self.model[key]["status"] == "draft")
        if done:
            del self.model[key]

    @invariant()
    def the_database_agrees_with_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        with tenant_context(self.tenant):
            invoices = {row.id: row for row in Invoice.objects.prefetch_related("lines")}
            rows = Charge.objects.in_bulk()
        assert invoices.keys() == self.model.keys()
        for key, model in self.model.items():
            row = invoices[key]
            assert (row.subtotal, row.tax) == expected_totals(model["lines"])
            assert row.total == sum(line.amount + line.tax for line in row.lines.all())
            assert (row.status, row.amount_paid, row.amount_pending) == (
                model["status"],
                model["paid"],
                model["pending"],
            )
            assert (row.pre_payment_credit, row.post_payment_credit) == (model["before"], model["after"])
        assert sorted(row.sequence for row in invoices.values() if row.sequence) == list(
            range(1, self.numbers + 1)
        )
        for key, charge in self.charges.items():
            refunded = sum(
                refund["amount"] for refund in charge["refunds"] if refund["status"] == "succeeded"
            )
            assert (rows[key].status, rows[key].amount_refunded) == (charge["status"], refunded)

    @invariant()
    def the_gateways_ledger_agrees_with_the_rows(self) -> None:
        if not hasattr(self, "model"):
            return
        with tenant_context(self.tenant):
            payments, refunds = list(Charge.objects.all()), list(Refund.objects.all())
        taken = sum(row.amount for row in payments if row.status == "succeeded")
        given = sum(row.amount for row in refunds if row.status == "succeeded")
        assert self.gateway.balance({row.gateway_key for row in (*payments, *refunds)}) == taken - given

    def step(self, key: Any, service: Any, refusals: Any, **fields: Any) -> bool:
        """Call the service with the invoice; return whether it succeeded rather than refused."""
        with tenant_context(self.tenant):
            try:
                service(invoice=Invoice.objects.get(id=key), actor=SYSTEM, **fields)
            except refusals:
                return False
        return True


CURRENT, NAMED = charges.current_gateway, completion.gateway_named  # type: ignore[attr-defined]

InvoiceMachine.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestInvoiceMachine = InvoiceMachine.TestCase
