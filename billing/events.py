"""What happens to customers, invoices, credit notes, payments, charges and refunds (public: webhooks carry it), and to the company's tier (not)."""

from typing import ClassVar

from core.events import Event


class CustomerCreated(Event):
    """A customer was created."""

    type: ClassVar[str] = "customer.created"
    sentence: ClassVar[str] = "created customer {target}"


class CustomerUpdated(Event):
    """A customer was changed."""

    type: ClassVar[str] = "customer.updated"
    sentence: ClassVar[str] = "changed customer {target}"


class CustomerDeleted(Event):
    """A customer was deleted."""

    type: ClassVar[str] = "customer.deleted"
    sentence: ClassVar[str] = "deleted customer {target}"


class SellerUpdated(Event):
    """What the company's invoices say of it was changed: its name, address, tax or bank details, or their form."""

    type: ClassVar[str] = "seller.updated"
    sentence: ClassVar[str] = "changed the seller’s details on invoices"
    public: ClassVar[bool] = False


class InvoiceCreated(Event):
    """A draft invoice was created."""

    type: ClassVar[str] = "invoice.created"
    sentence: ClassVar[str] = "created invoice {target}"


class InvoiceUpdated(Event):
    """A draft invoice was edited, or the metadata of a finalized one."""

    type: ClassVar[str] = "invoice.updated"
    sentence: ClassVar[str] = "changed invoice {target}"


class InvoiceDeleted(Event):
    """A draft invoice was deleted."""

    type: ClassVar[str] = "invoice.deleted"
    sentence: ClassVar[str] = "deleted draft invoice {target}"


class InvoiceFinalized(Event):
    """An invoice was finalized: it has its number and no longer changes."""

    type: ClassVar[str] = "invoice.finalized"
    sentence: ClassVar[str] = "finalized invoice {target}"


class InvoicePaid(Event):
    """An invoice is paid in full."""

    type: ClassVar[str] = "invoice.paid"
    sentence: ClassVar[str] = "marked invoice {target} as paid"


class InvoiceVoided(Event):
    """An invoice was voided."""

    type: ClassVar[str] = "invoice.voided"
    sentence: ClassVar[str] = "voided invoice {target}"


class InvoiceMarkedUncollectible(Event):
    """An invoice was marked as uncollectible."""

    type: ClassVar[str] = "invoice.marked_uncollectible"
    sentence: ClassVar[str] = "marked invoice {target} as uncollectible"


class InvoiceReopened(Event):
    """A paid invoice is open again: a payment was undone, or a credit note was voided."""

    type: ClassVar[str] = "invoice.reopened"
    sentence: ClassVar[str] = "reopened invoice {target}"


class InvoiceOverdue(Event):
    """An invoice is still open after its due date. Sent once per invoice."""

    type: ClassVar[str] = "invoice.overdue"
    sentence: ClassVar[str] = "marked invoice {target} as overdue"


class InvoiceSent(Event):
    """An invoice was sent by email. The events of the message say whether it arrived."""

    type: ClassVar[str] = "invoice.sent"
    sentence: ClassVar[str] = "sent invoice {target} by email"


class InvoiceLinkCreated(Event):
    """A link was made by which an invoice can be seen without signing in."""

    type: ClassVar[str] = "invoice.link_created"
    sentence: ClassVar[str] = "created a link to invoice {target}"
    public: ClassVar[bool] = False


class InvoiceLinksRevoked(Event):
    """Every link to an invoice was revoked."""

    type: ClassVar[str] = "invoice.links_revoked"
    sentence: ClassVar[str] = "revoked the links to invoice {target}"
    public: ClassVar[bool] = False


class PaymentRecorded(Event):
    """A payment made outside the gateway was recorded."""

    type: ClassVar[str] = "payment.recorded"
    sentence: ClassVar[str] = "recorded payment {target}"


class PaymentUpdated(Event):
    """The metadata of a recorded payment was changed."""

    type: ClassVar[str] = "payment.updated"
    sentence: ClassVar[str] = "changed the metadata of payment {target}"


class PaymentUndone(Event):
    """A recorded payment was undone; `undo_reason` says why."""

    type: ClassVar[str] = "payment.undone"
    sentence: ClassVar[str] = "undid payment {target}"


class CreditNoteCreated(Event):
    """A credit note was issued."""

    type: ClassVar[str] = "credit_note.created"
    sentence: ClassVar[str] = "issued credit note {target}"


class CreditNoteUpdated(Event):
    """The metadata of a credit note was changed."""

    type: ClassVar[str] = "credit_note.updated"
    sentence: ClassVar[str] = "changed the metadata of credit note {target}"


class CreditNoteVoided(Event):
    """A credit note was voided, by the company or because its refund failed."""

    type: ClassVar[str] = "credit_note.voided"
    sentence: ClassVar[str] = "voided credit note {target}"


class ChargeCreated(Event):
    """A charge was accepted; the gateway has not answered yet."""

    type: ClassVar[str] = "charge.created"
    sentence: ClassVar[str] = "created charge {target}"


class ChargeSucceeded(Event):
    """The gateway took the money."""

    type: ClassVar[str] = "charge.succeeded"
    sentence: ClassVar[str] = "completed charge {target}"


class ChargeFailed(Event):
    """The gateway refused; `failure_code` says why."""

    type: ClassVar[str] = "charge.failed"
    sentence: ClassVar[str] = "saw charge {target} fail"


class ChargeUpdated(Event):
    """The metadata of a charge was changed."""

    type: ClassVar[str] = "charge.updated"
    sentence: ClassVar[str] = "changed the metadata of charge {target}"


class ChargeDisputed(Event):
    """A payer asks their bank for the money of a charge back: the charge's `disputes` say how much, why, and until when to answer."""

    type: ClassVar[str] = "charge.disputed"
    sentence: ClassVar[str] = "saw charge {target} disputed"


class ChargeDisputeUpdated(Event):
    """A dispute about a charge has changed."""

    type: ClassVar[str] = "charge.dispute_updated"
    sentence: ClassVar[str] = "saw a dispute about charge {target} change"


class ChargeDisputeClosed(Event):
    """A dispute about a charge has ended: won, lost, or closed without a decision."""

    type: ClassVar[str] = "charge.dispute_closed"
    sentence: ClassVar[str] = "saw a dispute about charge {target} end"


class RefundCreated(Event):
    """A refund was accepted; the gateway has not answered yet."""

    type: ClassVar[str] = "refund.created"
    sentence: ClassVar[str] = "created refund {target}"


class RefundSucceeded(Event):
    """The gateway gave the money back."""

    type: ClassVar[str] = "refund.succeeded"
    sentence: ClassVar[str] = "completed refund {target}"


class RefundFailed(Event):
    """The gateway refused the refund; `failure_code` says why."""

    type: ClassVar[str] = "refund.failed"
    sentence: ClassVar[str] = "saw refund {target} fail"


class RefundUpdated(Event):
    """The metadata of a refund was changed."""

    type: ClassVar[str] = "refund.updated"
    sentence: ClassVar[str] = "changed the metadata of refund {target}"


class _TierEvent(Event):
    public: ClassVar[bool] = False
    company_wide: ClassVar[bool] = True


class TierRequested(_TierEvent):
    """An owner asked for another tier."""

    type: ClassVar[str] = "company.tier_requested"
    sentence: ClassVar[str] = "asked for the tier {tier}"


class TierRequestWithdrawn(_TierEvent):
    """The owner took the request back."""

    type: ClassVar[str] = "company.tier_request_withdrawn"
    sentence: ClassVar[str] = "withdrew the request for the tier {tier}"


class TierRequestDeclined(_TierEvent):
    """Staff declined the request."""

    type: ClassVar[str] = "company.tier_request_declined"
    sentence: ClassVar[str] = "declined the request for the tier {tier}"


class TierChanged(_TierEvent):
    """Staff changed the company's tier."""

    type: ClassVar[str] = "company.tier_changed"
    sentence: ClassVar[str] = "changed the tier to {tier}"


class LimitsOverridden(_TierEvent):
    """Staff changed the company's own limits."""

    type: ClassVar[str] = "company.limits_overridden"
    sentence: ClassVar[str] = "changed the company’s own limits"


class TierLimitsChanged(_TierEvent):
    """Staff changed the limits of a tier; `object_id` is its name. Belongs to no company."""

    type: ClassVar[str] = "tier.limits_changed"
    sentence: ClassVar[str] = "changed the limits of the tier {target}"


class CompanyLimitsChanged(_TierEvent):
    """The limits of the company changed, because those of its tier did."""

    type: ClassVar[str] = "company.limits_changed"
    sentence: ClassVar[str] = "changed the company’s limits with those of its tier"
