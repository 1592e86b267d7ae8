"""Billing's tables, by subject: customers, sellers, invoices, charges and refunds, tiers and requests for another one."""

from billing.models.charges import Charge, Refund
from billing.models.customers import Customer, CustomerMetadata, CustomerSearchWord
from billing.models.invoices import Invoice, InvoiceCounter, InvoiceLine
from billing.models.sellers import Seller
from billing.models.tiers import MAX_LIMIT, CompanyPlan, TierLimits, TierRequest

__all__ = [
    "MAX_LIMIT",
    "Charge",
    "CompanyPlan",
    "Customer",
    "CustomerMetadata",
    "CustomerSearchWord",
    "Invoice",
    "InvoiceCounter",
    "InvoiceLine",
    "Refund",
    "Seller",
    "TierLimits",
    "TierRequest",
]
