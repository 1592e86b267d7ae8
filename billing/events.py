"""What happens to customers, invoices, credit notes, payments, charges and refunds (public: webhooks carry it), and to the company's tier (not)."""

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True, kw_only=True)
class CustomerCreated(Event):
    """A customer was created."""

    type: ClassVar[str] = "customer.created"


@dataclass(frozen=True, kw_only=True)
class CustomerUpdated(Event):
    """A customer was changed."""

    type: ClassVar[str] = "customer.updated"


@dataclass(frozen=True, kw_only=True)
class CustomerDeleted(Event):
    """A customer was deleted."""

    type: ClassVar[str] = "customer.deleted"


@dataclass(frozen=True, kw_only=True)
class SellerUpdated(Event):
    """What the company's invoices say of it was changed: its name, address, tax or bank details, or their form."""

    type: ClassVar[str] = "seller.updated"
    public: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class InvoiceCreated(Event):
    """A draft invoice was created."""

    type: ClassVar[str] = "invoice.created"


@dataclass(frozen=True, kw_only=True)
class InvoiceUpdated(Event):
    """A draft invoice was edited, or the metadata of a finalized one."""

    type: ClassVar[str] = "invoice.updated"


@dataclass(frozen=True, kw_only=True)
class InvoiceDeleted(Event):
    """A draft invoice was deleted."""

    type: ClassVar[str] = "invoice.deleted"


@dataclass(frozen=True, kw_only=True)
class InvoiceFinalized(Event):
    """An invoice got its number and is due; it does not change any more."""

    type: ClassVar[str] = "invoice.finalized"


@dataclass(frozen=True, kw_only=True)
class InvoicePaid(Event):
    """An invoice is paid in full."""

    type: ClassVar[str] = "invoice.paid"


@dataclass(frozen=True, kw_only=True)
class InvoiceVoided(Event):
    """An invoice was declared void."""

    type: ClassVar[str] = "invoice.voided"


@dataclass(frozen=True, kw_only=True)
class InvoiceMarkedUncollectible(Event):
    """An invoice was given up."""

    type: ClassVar[str] = "invoice.marked_uncollectible"


@dataclass(frozen=True, kw_only=True)
class InvoiceReopened(Event):
    """A paid invoice is open again: a payment was undone, or a credit note declared void."""

    type: ClassVar[str] = "invoice.reopened"


@dataclass(frozen=True, kw_only=True)
class InvoiceOverdue(Event):
    """An invoice is still open after the day on which it was due. Said once of each invoice."""

    type: ClassVar[str] = "invoice.overdue"


@dataclass(frozen=True, kw_only=True)
class InvoiceSent(Event):
    """An invoice was put into an email, which messaging sends; what becomes of it is told of the message."""

    type: ClassVar[str] = "invoice.sent"


@dataclass(frozen=True, kw_only=True)
class InvoiceLinkCreated(Event):
    """A link was made by which an invoice can be seen without signing in."""

    type: ClassVar[str] = "invoice.link_created"
    public: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class InvoiceLinksRevoked(Event):
    """Every link to an invoice was revoked."""

    type: ClassVar[str] = "invoice.links_revoked"
    public: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class PaymentRecorded(Event):
    """Money for an invoice that came past the gateway was recorded."""

    type: ClassVar[str] = "payment.recorded"


@dataclass(frozen=True, kw_only=True)
class PaymentUpdated(Event):
    """The metadata of a recorded payment was changed."""

    type: ClassVar[str] = "payment.updated"


@dataclass(frozen=True, kw_only=True)
class PaymentUndone(Event):
    """A recorded payment was taken back; `undo_reason` says why."""

    type: ClassVar[str] = "payment.undone"


@dataclass(frozen=True, kw_only=True)
class CreditNoteCreated(Event):
    """A credit note was issued."""

    type: ClassVar[str] = "credit_note.created"


@dataclass(frozen=True, kw_only=True)
class CreditNoteUpdated(Event):
    """The metadata of a credit note was changed."""

    type: ClassVar[str] = "credit_note.updated"


@dataclass(frozen=True, kw_only=True)
class CreditNoteVoided(Event):
    """A credit note was declared void, by the company, or because its refund failed."""

    type: ClassVar[str] = "credit_note.voided"


@dataclass(frozen=True, kw_only=True)
class ChargeCreated(Event):
    """A charge was accepted; the gateway has not answered yet."""

    type: ClassVar[str] = "charge.created"


@dataclass(frozen=True, kw_only=True)
class ChargeSucceeded(Event):
    """The gateway took the money."""

    type: ClassVar[str] = "charge.succeeded"


@dataclass(frozen=True, kw_only=True)
class ChargeFailed(Event):
    """The gateway refused; `failure_code` says why."""

    type: ClassVar[str] = "charge.failed"


@dataclass(frozen=True, kw_only=True)
class ChargeUpdated(Event):
    """The metadata of a charge was changed."""

    type: ClassVar[str] = "charge.updated"


@dataclass(frozen=True, kw_only=True)
class RefundCreated(Event):
    """A refund was accepted; the gateway has not answered yet."""

    type: ClassVar[str] = "refund.created"


@dataclass(frozen=True, kw_only=True)
class RefundSucceeded(Event):
    """The gateway gave the money back."""

    type: ClassVar[str] = "refund.succeeded"


@dataclass(frozen=True, kw_only=True)
class RefundFailed(Event):
    """The gateway refused the refund; `failure_code` says why."""

    type: ClassVar[str] = "refund.failed"


@dataclass(frozen=True, kw_only=True)
class RefundUpdated(Event):
    """The metadata of a refund was changed."""

    type: ClassVar[str] = "refund.updated"


@dataclass(frozen=True, kw_only=True)
class _TierEvent(Event):
    public: ClassVar[bool] = False
    company_wide: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class TierRequested(_TierEvent):
    """An owner asked for another tier."""

    type: ClassVar[str] = "company.tier_requested"


@dataclass(frozen=True, kw_only=True)
class TierRequestWithdrawn(_TierEvent):
    """The owner took the request back."""

    type: ClassVar[str] = "company.tier_request_withdrawn"


@dataclass(frozen=True, kw_only=True)
class TierRequestDeclined(_TierEvent):
    """Staff declined the request."""

    type: ClassVar[str] = "company.tier_request_declined"


@dataclass(frozen=True, kw_only=True)
class TierChanged(_TierEvent):
    """Staff changed the company's tier."""

    type: ClassVar[str] = "company.tier_changed"


@dataclass(frozen=True, kw_only=True)
class LimitsOverridden(_TierEvent):
    """Staff changed the company's own limits."""

    type: ClassVar[str] = "company.limits_overridden"


@dataclass(frozen=True, kw_only=True)
class TierLimitsChanged(_TierEvent):
    """Staff changed the limits of a tier; `object_id` is its name. Belongs to no company."""

    type: ClassVar[str] = "tier.limits_changed"


@dataclass(frozen=True, kw_only=True)
class CompanyLimitsChanged(_TierEvent):
    """The limits of the company changed, because those of its tier did."""

    type: ClassVar[str] = "company.limits_changed"
