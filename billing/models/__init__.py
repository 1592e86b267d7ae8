"""Billing's tables, by subject: customers, invoices, charges and refunds, requests for another tier."""

from billing.models.charges import Charge, Refund
from billing.models.customers import Customer, CustomerMetadata, CustomerSearchWord
from billing.models.invoices import Invoice, InvoiceCounter, InvoiceLine
from billing.models.tiers import CompanyPlan, TierRequest

__all__ = [
    "Charge",
    "CompanyPlan",
    "Customer",
    "CustomerMetadata",
    "CustomerSearchWord",
    "Invoice",
    "InvoiceCounter",
    "InvoiceLine",
    "Refund",
    "TierRequest",
]
