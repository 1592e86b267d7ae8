"""Billing's tables, by subject: customers, sellers, invoices with their credit notes, payments and links, charges with refunds and
disputes, and tiers.
"""

from billing.models.charges import Charge, Refund
from billing.models.credit_notes import CreditNote, CreditNoteCounter, CreditNoteLine
from billing.models.customers import Customer, CustomerMetadata, CustomerSearchWord
from billing.models.disputes import Dispute
from billing.models.invoices import Invoice, InvoiceCounter, InvoiceLine
from billing.models.links import InvoiceLink
from billing.models.payments import OffPlatformPayment
from billing.models.sellers import Seller, SellerLogo
from billing.models.tiers import MAX_LIMIT, CompanyPlan, TierLimits, TierRequest

__all__ = [
    "MAX_LIMIT",
    "Charge",
    "CompanyPlan",
    "CreditNote",
    "CreditNoteCounter",
    "CreditNoteLine",
    "Customer",
    "CustomerMetadata",
    "CustomerSearchWord",
    "Dispute",
    "Invoice",
    "InvoiceCounter",
    "InvoiceLine",
    "InvoiceLink",
    "OffPlatformPayment",
    "Refund",
    "Seller",
    "SellerLogo",
    "TierLimits",
    "TierRequest",
]
