"""Forms of the customer, invoice and charge pages. Services validate the values; their refusals are shown on the fields."""

from billing.dashboard.forms.credits import CreditForm, PaymentForm, UndoForm, VoidForm
from billing.dashboard.forms.customers import CustomerFilterForm, CustomerForm
from billing.dashboard.forms.invoices import InvoiceFilterForm, InvoiceForm
from billing.dashboard.forms.payments import (
    ChargeFilterForm,
    ChargeForm,
    FreeChargeForm,
    RefundForm,
)
from billing.dashboard.forms.sellers import SellerForm

__all__ = [
    "ChargeFilterForm",
    "ChargeForm",
    "CreditForm",
    "CustomerFilterForm",
    "CustomerForm",
    "FreeChargeForm",
    "InvoiceFilterForm",
    "InvoiceForm",
    "PaymentForm",
    "RefundForm",
    "SellerForm",
    "UndoForm",
    "VoidForm",
]
