"""Sends an invoice: an email in the customer's language, with the PDF and a link to the invoice page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from accounts.selectors import current_company
from billing import representations
from billing.events import InvoiceSent
from billing.export.documents import Document, invoice_document
from billing.models import Invoice
from billing.selectors import get_invoice
from billing.services import create_link
from billing.services.invoices import lock_invoice
from core.errors import DomainError, FieldError, FieldErrors, NotFound
from core.events import publish
from core.principal import Principal
from core.tenancy import Tenant, tenant_context
from messaging.attachments import Attachment
from messaging.services.messages import Accepted, create_message

if TYPE_CHECKING:
    from billing.export.words import Words

TAG = "invoice"
MAX_MESSAGE = 10_000
_NOT_SENT = (Invoice.Status.DRAFT, Invoice.Status.VOID)


class InvoiceNotSendable(DomainError):
    """The invoice is a draft or void: nobody is asked to pay it."""

    code = "invoice_not_sendable"
    status = 409
    title = "The invoice cannot be sent"
    fix = "Finalize a draft first; a void invoice cannot be sent."


def require_sendable(invoice: Invoice) -> None:
    """Raise InvoiceNotSendable for a draft and for a void invoice."""
    if invoice.status in _NOT_SENT:
        raise InvoiceNotSendable(f"The invoice is {invoice.status}.")


def make_document(tenant: Tenant, public_id: str) -> Document | None:
    """Return the PDF of a sendable invoice; None for any other or a missing one, for which `send_invoice` raises the error.

    This is slow, so call it before the transaction that sends the invoice. Raises TemporarilyUnavailable.
    """
    with tenant_context(tenant):
        try:
            invoice = get_invoice(public_id)
        except NotFound:
            return None
        if invoice.status in _NOT_SENT:
            return None
    return invoice_document(tenant, public_id)


def send_invoice(
    *,
    invoice: Invoice,
    document: Document | None,
    actor: Principal,
    to: Sequence[str] = (),
    subject: str = "",
    message: str = "",
) -> Accepted:
    """Send a finalized invoice with its `document` (make_document), by default to the customer's own email address.

    `message` precedes the amount due and the link, which is a new one (billing.services.create_link). Sender, caps and
    suppressions apply as to any message. Raises InvoiceNotSendable and whatever `create_message` raises; nothing is sent then,
    and no link is created.
    """
    invoice = lock_invoice(invoice)
    require_sendable(invoice)
    if document is None:
        # It was finalized in the meantime: the document would be a draft's.
        raise InvoiceNotSendable("The invoice was a draft when its document was made.")
    customer = invoice.customer
    is_there = customer.deleted_at is None
    if not to and not (is_there and customer.email):
        raise FieldErrors(
            [FieldError("to", "required", "The customer has no email address: enter a recipient.")]
        )
    words = _words_of(invoice)
    accepted = create_message(
        actor=actor,
        channel="email",
        to=to,
        customer=customer.public_id if is_there else None,
        subject=subject or default_subject(invoice),
        text=_text(invoice, words, message, create_link(invoice=invoice, actor=actor)),
        attachments=[Attachment(document.name, "application/pdf", document.content)],
        tags=[TAG],
        metadata={"invoice": invoice.public_id},
    )
    sent = InvoiceSent(
        object_id=invoice.public_id,
        object=representations.invoice(invoice),
        detail={"message": accepted.message.public_id},
    )
    publish(sent, actor=actor)
    return accepted


def default_subject(invoice: Invoice) -> str:
    """Return the default subject: the kind of document, its number, and the seller."""
    return f"{_words_of(invoice).invoice} {invoice.number} – {_seller_name(invoice)}"


def _text(invoice: Invoice, words: "Words", message: str, link: str) -> str:
    lines = [
        f"{words.invoice} {invoice.number}",
        f"{words.total}: {words.money(invoice.total, invoice.currency)}",
        f"{words.amount_due}: {words.money(invoice.amount_due, invoice.currency)}",
    ]
    if invoice.due_date and invoice.amount_due:
        lines.append(f"{words.due}: {words.day(invoice.due_date)}")
    parts = [message.strip(), "\n".join(lines), link, _seller_name(invoice)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _words_of(invoice: Invoice) -> "Words":
    # Babel is slow to import, and few processes ever send an invoice.
    from billing.export.words import WORDS

    seller, buyer = invoice.seller or {}, invoice.billed_to or {}
    return WORDS[buyer.get("language") or seller.get("language") or "en"]


def _seller_name(invoice: Invoice) -> str:
    return (invoice.seller or {}).get("legal_name") or current_company().name
