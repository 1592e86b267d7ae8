"""Creates charges and records their outcomes."""

from collections.abc import Mapping

from billing import representations
from billing.events import ChargeCreated, ChargeFailed, ChargeSucceeded
from billing.gateways import Gateway, Outcome, current_gateway
from billing.models import Charge, Customer, Invoice
from billing.money import MAX_AMOUNT
from billing.services.errors import ChargeExceedsAmountDue, NoGateway
from billing.services.invoices import check_open, lock_invoice
from billing.services.settling import record_outcome, settle_invoice
from core.background import jobs
from core.errors import FieldError, FieldErrors
from core.events import publish
from core.principal import Principal
from core.tenancy import require_tenant
from core.values.currencies import EXPONENTS, money_text
from core.values.metadata import clean_metadata

COMPLETE_TASK = "billing.complete_payments"


def create_charge(
    *,
    actor: Principal,
    payment_method: str,
    amount: int | None = None,
    currency: str | None = None,
    invoice: Invoice | None = None,
    customer: Customer | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Charge:
    """Create a charge; a worker submits it to the gateway after this transaction commits.

    For an invoice, `amount` defaults to the amount left to charge, and `currency` and `customer` to the invoice's.
    Raises NoGateway, FieldErrors, InvoiceNotOpen, ChargeExceedsAmountDue.
    """
    gateway = require_gateway()
    kept, problems = clean_metadata(metadata)
    if problem := gateway.payment_method_problem(payment_method):
        problems.append(FieldError("payment_method", "invalid", problem))
    if invoice is not None:
        invoice = lock_invoice(invoice)
        check_open(invoice)
        if currency not in (None, invoice.currency):
            problems.append(FieldError("currency", "mismatch", f"The invoice is in {invoice.currency}."))
        if customer is not None and customer.id != invoice.customer_id:
            problems.append(FieldError("customer", "mismatch", "The invoice belongs to another customer."))
        currency = invoice.currency
        amount = invoice.amount_chargeable if amount is None else amount
    elif amount is None or currency is None:
        problems += [
            FieldError(name, "required", "This field is required for a charge without an invoice.")
            for name, value in (("amount", amount), ("currency", currency))
            if value is None
        ]
    if currency is not None and currency not in EXPONENTS:
        problems.append(FieldError("currency", "invalid", "Use an uppercase ISO 4217 code, such as EUR."))
    if problems:
        raise FieldErrors(problems)
    assert amount is not None
    assert currency is not None
    if invoice is not None:
        _check_amount(invoice, amount)
    if not 1 <= amount <= MAX_AMOUNT:
        text = f"Use an amount from {money_text(1, currency)} to {money_text(MAX_AMOUNT, currency)}."
        raise FieldErrors([FieldError("amount", "out_of_range", text)])
    if problem := gateway.amount_problem(amount, currency):
        raise FieldErrors([FieldError("amount", "unsupported", problem)])
    charge: Charge = Charge.objects.create(
        amount=amount,
        currency=currency,
        payment_method=payment_method,
        invoice=invoice,
        customer_id=invoice.customer_id if invoice is not None else customer.id if customer else None,
        metadata=kept,
        gateway=gateway.name,
    )
    announce_charge(charge=charge, invoice=invoice, actor=actor)
    jobs.enqueue(COMPLETE_TASK)
    return charge


def require_gateway() -> Gateway:
    """Return the gateway for the tenant's charges. Raises NoGateway."""
    gateway = current_gateway()
    if gateway is None:
        raise NoGateway("No payment gateway is connected, so nothing can be charged.")
    mode = require_tenant().mode
    if not gateway.takes(mode):
        raise NoGateway(f"The payment gateway is not set up for {mode} mode, so nothing can be charged.")
    return gateway


def check_charge(invoice: Invoice) -> None:
    """Raise NoGateway, InvoiceNotOpen, ChargeExceedsAmountDue for an invoice that cannot be charged."""
    require_gateway()
    check_open(invoice)
    _check_amount(invoice, 1)


def _check_amount(invoice: Invoice, amount: int) -> None:
    if not 0 < amount <= invoice.amount_chargeable:
        raise ChargeExceedsAmountDue(
            f"{money_text(invoice.amount_chargeable, invoice.currency)} can be charged for this invoice.",
            facts={"amount_chargeable": invoice.amount_chargeable},
        )


def announce_charge(*, charge: Charge, invoice: Invoice | None, actor: Principal) -> None:
    """Add a new charge to the pending amount of its locked invoice, and publish the event."""
    if invoice is not None:
        invoice.amount_pending += charge.amount
        invoice.save(update_fields=["amount_pending"])
    publish(ChargeCreated(object_id=charge.public_id, object=representations.charge(charge)), actor=actor)


def settle_charge(*, charge: Charge, outcome: Outcome, actor: Principal) -> Charge:
    """Record the gateway's definitive outcome; a charge that was settled meanwhile is left unchanged.

    So is one that got a payment page since `charge` was read, because the outcome is not about that page. The invoice is
    locked before the charge, as everywhere.
    """
    session = charge.checkout_session
    invoice = lock_invoice(charge.invoice) if charge.invoice is not None else None
    charge = Charge.objects.select_for_update(no_key=True).get(id=charge.id)
    if charge.status != Charge.Status.PENDING or charge.checkout_session != session:
        return charge
    record_outcome(charge, outcome)
    event = ChargeSucceeded if outcome.succeeded else ChargeFailed
    publish(event(object_id=charge.public_id, object=representations.charge(charge)), actor=actor)
    if invoice is not None:
        _record_payment(invoice, charge, actor)
    return charge


def _record_payment(invoice: Invoice, charge: Charge, actor: Principal) -> None:
    invoice.amount_pending -= charge.amount
    if charge.status == Charge.Status.SUCCEEDED:
        invoice.amount_paid += charge.amount
        invoice.updated = charge.updated
    settle_invoice(invoice, actor=actor)
