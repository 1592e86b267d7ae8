"""Checkouts: payments made on the gateway's hosted page, to which the invoice page redirects.

The charge is saved first, which reserves the amount. Then the gateway creates its page, the page is saved on the charge, and
only then is the payer redirected. So nobody can pay on a page that was lost on the way, and the page saved on the charge is
the only one that counts. Only the completer queries the outcome.
"""

from datetime import timedelta
from typing import Any

from billing.gateways import (
    CheckoutGateway,
    CheckoutOrder,
    CheckoutPage,
    Gateway,
    GatewayMisconfigured,
    GatewayUnavailable,
    Outcome,
    current_gateway,
    gateway_named,
)
from billing.models import Charge, Invoice
from billing.models.charges import CHECKOUT
from billing.selectors import last_checkout_of, open_checkout_of
from billing.services.charges import COMPLETE_TASK, announce_charge, settle_charge
from billing.services.errors import ChargeExceedsAmountDue, InvoiceNotOpen, NoGateway
from billing.services.invoices import lock_invoice
from core import clock
from core.background import jobs
from core.postgres.outside import outside_transactions
from core.principal import Principal
from core.tenancy import tenant_context
from core.values.currencies import money_text

# How long the payer has. Stripe requires at least half an hour from the creation of the page.
OPEN_FOR = timedelta(minutes=36)
# A charge without a page after this long is abandoned; the payer can start another.
PAGE_WITHIN = timedelta(minutes=4)
# How long an amount that the gateway refused (only it knows its limits) is not submitted again.
REFUSED_FOR = timedelta(minutes=4)
# How often the gateway is polled about an open page. Its events arrive sooner.
ASKED_EVERY = timedelta(minutes=1)
_NO_PAGE = Outcome(
    succeeded=False,
    reference="",
    failure_code="checkout_abandoned",
    failure_message="The payment page was never opened; no money was moved.",
)


def checkout_gateway(invoice: Invoice) -> CheckoutGateway | None:
    """Return the gateway on whose page the amount due of `invoice` can be paid, or None."""
    gateway = current_gateway()
    if not isinstance(gateway, CheckoutGateway) or not gateway.takes(invoice.mode):
        return None
    return None if gateway.amount_problem(invoice.amount_due, invoice.currency) else gateway


def start_checkout(*, invoice: Invoice, actor: Principal) -> Charge:
    """Return the pending charge for the amount due, for the payer to pay now: the open one, or a new one.

    If the gateway refused the same amount a moment ago, that failed charge is returned: otherwise anyone with the link could
    create charges without limit. Raises InvoiceNotOpen, NoGateway, and ChargeExceedsAmountDue while another payment is pending.
    """
    invoice = lock_invoice(invoice)
    now = clock.now()
    before = open_checkout_of(invoice)
    if before is not None and (before.checkout_session or now - before.created < PAGE_WITHIN):
        return before
    if before is not None:
        settle_charge(charge=before, outcome=_NO_PAGE, actor=actor)
        invoice = lock_invoice(invoice)
    if invoice.status != Invoice.Status.OPEN:
        raise InvoiceNotOpen(f"The invoice is {invoice.status}.", facts={"status": invoice.status})
    gateway = checkout_gateway(invoice)
    if gateway is None:
        raise NoGateway("This invoice cannot be paid on its page.")
    if invoice.amount_chargeable != invoice.amount_due:
        raise ChargeExceedsAmountDue(
            f"{money_text(invoice.amount_pending, invoice.currency)} is being paid at this moment.",
            facts={"amount_chargeable": invoice.amount_chargeable},
        )
    refused = last_checkout_of(invoice)
    if refused is not None and _is_refused_lately(refused, invoice):
        return refused
    charge: Charge = Charge.objects.create(
        amount=invoice.amount_due,
        currency=invoice.currency,
        payment_method=CHECKOUT,
        invoice=invoice,
        customer_id=invoice.customer_id,
        gateway=gateway.name,
        created=now,
        due_at=now + PAGE_WITHIN,
        checkout_expires_at=now + OPEN_FOR,
    )
    announce_charge(charge=charge, invoice=invoice, actor=actor)
    return charge


def checkout_address(*, charge: Charge, invoice: Invoice, return_to: str, door: str, actor: Principal) -> str:
    """Return the URL of the payment page for `charge`, or "" when it can no longer be paid. Called outside of any transaction.

    `door` names the link the payer came from, to which they return. Raises GatewayUnavailable, GatewayMisconfigured.
    """
    outside_transactions("gateway")
    if charge.status != Charge.Status.PENDING:
        return ""
    gateway = _gateway_of(charge)
    if not charge.checkout_session:
        answer = gateway.open_checkout(
            order_of(charge), title=f"Invoice {invoice.number}", return_to=return_to, attempt=door
        )
        with tenant_context(charge.tenant):
            if isinstance(answer, Outcome):
                settle_charge(charge=charge, outcome=answer, actor=actor)
                return ""
            charge = _save_page(charge, answer)
        if charge.checkout_session == answer.session:
            return answer.url
        if not charge.checkout_session:
            return ""  # It was abandoned meanwhile.
    # The page already exists (a concurrent or returning visitor), so it is reused.
    page = gateway.reopen_checkout(order_of(charge))
    if page is None:
        with tenant_context(charge.tenant):
            Charge.objects.filter(id=charge.id, status="pending").update(due_at=clock.now())
            jobs.enqueue(COMPLETE_TASK)
        return ""
    return page.url


def poll_checkout(gateway: Gateway, order: CheckoutOrder, *, end: bool) -> Outcome | None:
    """Return the outcome of the payment, None while it is open. With `end`, close the page first.

    Raises GatewayUnavailable, GatewayMisconfigured.
    """
    if not order.session:
        return _NO_PAGE
    if not isinstance(gateway, CheckoutGateway):
        raise GatewayMisconfigured(f"{gateway.name} has no payment pages")
    return gateway.end_checkout(order) if end else gateway.poll_checkout(order)


def order_of(charge: Charge) -> CheckoutOrder:
    """Return the order to send to the gateway for a checkout charge."""
    assert charge.checkout_expires_at is not None
    return CheckoutOrder(
        key=charge.gateway_key,
        mode=charge.mode,
        amount=charge.amount,
        currency=charge.currency,
        expires_at=charge.checkout_expires_at,
        session=charge.checkout_session,
    )


def _is_refused_lately(last: Charge, invoice: Invoice) -> bool:
    """Return whether the gateway recently refused to create a page for the last charge, of the same amount."""
    return (
        last.status == Charge.Status.FAILED
        and not last.checkout_session
        and last.failure_code != _NO_PAGE.failure_code
        and last.amount == invoice.amount_due
        and clock.now() - last.created < REFUSED_FOR
    )


def _save_page(charge: Charge, page: CheckoutPage) -> Charge:
    """Save the page on a pending charge that has none; return the charge's current state."""
    waiting: Any = Charge.objects.filter(id=charge.id, status="pending", checkout_session="")
    waiting.update(checkout_session=page.session, due_at=clock.now() + ASKED_EVERY)
    noted: Charge = Charge.objects.get(id=charge.id)
    return noted


def _gateway_of(charge: Charge) -> CheckoutGateway:
    try:
        gateway = gateway_named(charge.gateway)
    except KeyError as error:
        raise GatewayUnavailable(f"{charge.gateway} is not configured any more") from error
    if not isinstance(gateway, CheckoutGateway):
        raise GatewayMisconfigured(f"{charge.gateway} has no payment pages")
    return gateway
