"""What billing's endpoints accept and answer: types and shapes. What values mean is judged by the services."""

from billing.api.serializers.customers import CustomerInput, CustomerOutput
from billing.api.serializers.invoices import InvoiceInput, InvoiceLineInput, InvoiceLineOutput, InvoiceOutput
from billing.api.serializers.payments import ChargeInput, ChargeOutput, RefundInput, RefundOutput
from billing.api.serializers.sellers import SellerInput, SellerOutput

__all__ = [
    "ChargeInput",
    "ChargeOutput",
    "CustomerInput",
    "CustomerOutput",
    "InvoiceInput",
    "InvoiceLineInput",
    "InvoiceLineOutput",
    "InvoiceOutput",
    "RefundInput",
    "RefundOutput",
    "SellerInput",
    "SellerOutput",
]
