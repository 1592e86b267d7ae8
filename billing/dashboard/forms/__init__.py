"""Forms of the customer and invoice pages. What values mean is judged by the services; their refusals are put on the fields."""

from billing.dashboard.forms.customers import CustomerFilterForm, CustomerForm
from billing.dashboard.forms.invoices import InvoiceFilterForm, InvoiceForm
from billing.dashboard.forms.payments import ChargeForm, RefundForm

__all__ = [
    "ChargeForm",
    "CustomerFilterForm",
    "CustomerForm",
    "InvoiceFilterForm",
    "InvoiceForm",
    "RefundForm",
]
