"""Writes of billing, by subject: customers, invoices and their states, credit notes, payments, charges, refunds, the completer, the
seller, tiers. `check_…` raises what the write of that name would, so that pages offer only what is accepted."""

from billing.services.charges import check_charge, create_charge, require_gateway
from billing.services.checkouts import checkout_address, start_checkout
from billing.services.completion import complete_payments
from billing.services.credit_notes import (
    check_credit,
    check_void_credit_note,
    create_credit_note,
    void_credit_note,
)
from billing.services.customers import create_customer, delete_customer, update_customer
from billing.services.disputes import handle_dispute_report, is_answer_awaited
from billing.services.invoice_states import (
    check_finalize,
    check_give_up,
    check_void,
    finalize_invoice,
    mark_uncollectible,
    void_invoice,
)
from billing.services.invoices import check_draft, create_invoice, delete_invoice, update_invoice
from billing.services.links import create_link, revoke_links
from billing.services.metadata import update_charge, update_credit_note, update_payment, update_refund
from billing.services.overdue import detect_overdue
from billing.services.payments import check_record, check_undo, record_payment, undo_payment
from billing.services.refunds import check_refund, create_refund
from billing.services.reports import handle_payment_report
from billing.services.sellers import update_seller
from billing.services.tier_limits import set_tier_limits
from billing.services.tiers import (
    apply_tier_request,
    change_tier,
    decline_tier_request,
    override_limits,
    request_tier,
    withdraw_tier_request,
)

__all__ = [
    "apply_tier_request",
    "change_tier",
    "check_charge",
    "check_credit",
    "check_draft",
    "check_finalize",
    "check_give_up",
    "check_record",
    "check_refund",
    "check_undo",
    "check_void",
    "check_void_credit_note",
    "checkout_address",
    "complete_payments",
    "create_charge",
    "create_credit_note",
    "create_customer",
    "create_invoice",
    "create_link",
    "create_refund",
    "decline_tier_request",
    "delete_customer",
    "delete_invoice",
    "detect_overdue",
    "finalize_invoice",
    "handle_dispute_report",
    "handle_payment_report",
    "is_answer_awaited",
    "mark_uncollectible",
    "override_limits",
    "record_payment",
    "request_tier",
    "require_gateway",
    "revoke_links",
    "set_tier_limits",
    "start_checkout",
    "undo_payment",
    "update_charge",
    "update_credit_note",
    "update_customer",
    "update_invoice",
    "update_payment",
    "update_refund",
    "update_seller",
    "void_credit_note",
    "void_invoice",
    "withdraw_tier_request",
]
