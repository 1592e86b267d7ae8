"""What billing refuses."""

from typing import Self

from billing.models import Customer, Invoice
from core.errors import DomainError


class ExternalIdTaken(DomainError):
    """Another object of this kind, company and mode already has this `external_id`; `error.existing` is its id."""

    code = "external_id_taken"
    status = 409
    title = "This external_id is taken"
    fix = "Update the object that has it (`error.existing`), or choose another."
    page_fix = "Change the one that has it, or choose another external ID."

    @classmethod
    def by(cls, model: type[Customer] | type[Invoice], external_id: str | None) -> Self:
        """Return the refusal that names who has it; call it once the failed statement is taken back."""
        owner = model.objects.filter(external_id=external_id).first()
        named = "" if owner is None else f": {owner.public_id}"
        return cls(
            f"{'A customer' if model is Customer else 'An invoice'} with external_id {external_id} exists{named}.",
            # Null if it was released at this very moment: then a retry will succeed.
            facts={"existing": None if owner is None else owner.public_id},
        )


class InvoiceNotDraft(DomainError):
    """The invoice has been finalized, so it can no longer be edited, deleted or finalized."""

    code = "invoice_not_draft"
    status = 409
    title = "The invoice is not a draft"
    fix = "Credit it (`POST /v1/credit_notes`), or void it, and create a new one."
    page_fix = "Credit it, or void it, and create a new one."


class InvoiceNotOpen(DomainError):
    """The invoice is not open: only open invoices are charged, voided or marked uncollectible."""

    code = "invoice_not_open"
    status = 409
    title = "The invoice is not open"
    fix = "Finalize a draft first; paid, void and uncollectible invoices stay as they are."


class InvoiceEmpty(DomainError):
    """An invoice without lines cannot be finalized."""

    code = "invoice_empty"
    status = 409
    title = "The invoice has no lines"
    fix = "Add at least one line to the draft, then finalize it."


class InvoiceIncomplete(DomainError):
    """The law of the seller's country requires details that the seller or the customer lacks; only live mode refuses."""

    code = "invoice_incomplete"
    status = 409
    title = "The invoice cannot be issued yet"
    fix = "Fill in the fields listed in `error.fields`: the seller's with `PATCH /v1/seller` or on the page *Invoicing*."
    page_fix = "Fill in what is missing: the seller's details are on the page Invoicing."


class CreditNoteIncomplete(DomainError):
    """A credit note must name seller and customer like an invoice, and details are missing; only live mode refuses."""

    code = "credit_note_incomplete"
    status = 409
    title = "The credit note cannot be issued yet"
    fix = InvoiceIncomplete.fix
    page_fix = "Fill in what is missing: the seller's details are on the page Invoicing."


class CustomerIsDeleted(DomainError):
    """The customer was deleted after the draft was created, so the draft can no longer be finalized."""

    code = "customer_deleted"
    status = 409
    title = "The customer was deleted"
    fix = "Give the draft another customer, or delete it."


class InvoiceHasPayments(DomainError):
    """The invoice has been charged or paid, or is being charged now, so it cannot be voided or marked uncollectible."""

    code = "invoice_has_payments"
    status = 409
    title = "The invoice has payments"
    fix = "Wait until no charge is pending. A partly paid invoice cannot be voided: credit it, and refund what was paid."


class NoGateway(DomainError):
    """The operator has configured no payment gateway, so no charge can be created, and waiting does not help."""

    code = "no_payment_gateway"
    status = 409
    title = "This platform has no payment gateway"
    fix = "Ask the operator of this platform to connect a payment gateway (docs/billing.md)."


class ChargeExceedsAmountDue(DomainError):
    """The charge, with the pending ones, would exceed the invoice's amount due."""

    code = "charge_exceeds_amount_due"
    status = 409
    title = "The charge exceeds the amount due"
    fix = "Charge at most `amount_chargeable`, or leave `amount` out to charge exactly that."
    page_fix = "Charge at most the amount due."


class ChargeNotRefundable(DomainError):
    """Only a succeeded charge can be refunded."""

    code = "charge_not_refundable"
    status = 409
    title = "The charge cannot be refunded"
    fix = "Wait until the charge has succeeded; a failed charge took no money."


class RefundExceedsCharge(DomainError):
    """The refund, with earlier and pending ones, would exceed the charge."""

    code = "refund_exceeds_charge"
    status = 409
    title = "The refund exceeds the charge"
    fix = (
        "Refund at most `amount_refundable`, or send `full: true` instead of `amount` to refund exactly that."
    )
    page_fix = "Refund at most what is left of the charge."


class InvoiceIsDraft(DomainError):
    """A draft has not been issued: it cannot be paid, credited, sent or shown to others."""

    code = "invoice_is_draft"
    status = 409
    title = "The invoice is a draft"
    fix = "Finalize it first."


class InvoiceNotCreditable(DomainError):
    """Only an invoice that is open or paid can be credited."""

    code = "invoice_not_creditable"
    status = 409
    title = "The invoice cannot be credited"
    fix = "Finalize a draft first; void and uncollectible invoices cannot be credited."


class InvoiceHasCreditNotes(DomainError):
    """Credit notes correct the invoice, so it cannot be voided as a whole."""

    code = "invoice_has_credit_notes"
    status = 409
    title = "The invoice has credit notes"
    fix = "Credit the rest of it, or void its credit notes first."


class CreditExceedsInvoice(DomainError):
    """The credit note, with earlier ones, would exceed the invoice, or what was paid of it."""

    code = "credit_exceeds_invoice"
    status = 409
    title = "The credit note exceeds the invoice"
    fix = "Credit at most `amount_creditable`. While a charge is pending, its amount can be credited only once it is settled."
    page_fix = (
        "Credit at most what is left of the invoice. While a charge is pending, its amount can be credited only once it is "
        "settled."
    )


class CreditNoteNotVoidable(DomainError):
    """The credit note is already void, its refund has returned the money, or the invoice was marked uncollectible since."""

    code = "credit_note_not_voidable"
    status = 409
    title = "The credit note cannot be voided"
    fix = "Leave it as it is, and create a new invoice for what is still owed."


class PaymentExceedsAmountDue(DomainError):
    """The payment, with the pending charges, would exceed the invoice's amount due."""

    code = "payment_exceeds_amount_due"
    status = 409
    title = "The payment exceeds the amount due"
    fix = "Record at most `amount_chargeable`, and return the rest to the payer."
    page_fix = "Record at most the amount due, and return the rest to the payer."


class PaymentNotUndoable(DomainError):
    """The payment has already been undone, or what it paid was credited since."""

    code = "payment_not_undoable"
    status = 409
    title = "The payment cannot be undone"
    fix = "Void the credit notes for what was paid; a payment can be undone only once."


class TierRequestOpen(DomainError):
    """The company already has a request that has not been decided."""

    code = "tier_request_open"
    status = 409
    only_on_pages = True
    title = "A request is already open"
    fix = "Withdraw the open request first."


class TierRequestClosed(DomainError):
    """The request has been decided or withdrawn."""

    code = "tier_request_closed"
    status = 409
    only_on_pages = True
    title = "The request is closed"
    fix = "Make a new request."


class RequesterIsNoOwner(DomainError):
    """The owner who requested the tier no longer owns the company."""

    code = "requester_is_no_owner"
    status = 409
    only_on_pages = True
    title = "The requester no longer owns the company"
    fix = "Decline the request; an owner can make a new one."


class TierUnchanged(DomainError):
    """The company already has this tier."""

    code = "tier_unchanged"
    status = 409
    only_on_pages = True
    title = "The company already has this tier"
    fix = "Choose another tier."
