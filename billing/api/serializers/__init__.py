"""Request and response fields of billing's endpoints: types and formats. Services validate the values."""

from billing.api.serializers.credit_notes import CreditNoteInput, CreditNoteOutput, VoidInput
from billing.api.serializers.customers import CustomerInput, CustomerOutput
from billing.api.serializers.invoices import InvoiceInput, InvoiceLineInput, InvoiceLineOutput, InvoiceOutput
from billing.api.serializers.payments import (
    ChargeInput,
    ChargeOutput,
    MetadataInput,
    PaymentInput,
    PaymentOutput,
    RefundInput,
    RefundOutput,
    UndoInput,
)
from billing.api.serializers.sellers import SellerInput, SellerOutput

__all__ = [
    "ChargeInput",
    "ChargeOutput",
    "CreditNoteInput",
    "CreditNoteOutput",
    "CustomerInput",
    "CustomerOutput",
    "InvoiceInput",
    "InvoiceLineInput",
    "InvoiceLineOutput",
    "InvoiceOutput",
    "MetadataInput",
    "PaymentInput",
    "PaymentOutput",
    "RefundInput",
    "RefundOutput",
    "SellerInput",
    "SellerOutput",
    "UndoInput",
    "VoidInput",
]
