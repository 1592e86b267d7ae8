"""What examples of billing show in the OpenAPI document, by schema and field, or by field alone (core.api.examples)."""

from core.api.examples import public_id

EXAMPLES = {
    "Charge.amount_refunded": 0,
    "Charge.customer": public_id("cus"),
    "Customer.email": "ada@example.com",
    "Customer.external_id": "crm-4711",
    "Customer.phone": "+493012345678",
    "Invoice.amount_due": 4998,
    "Invoice.customer": public_id("cus"),
    "Invoice.subtotal": 4200,
    "Invoice.tax": 798,
    "Invoice.total": 4998,
    "InvoiceInput.external_id": "order-4711",
    "InvoiceLine.tax": 798,
    "SellerInput.address": {
        "line1": "Amboßstraße 1",
        "postal_code": "10115",
        "city": "Berlin",
        "country": "DE",
    },
    "TaxId.type": "eu_vat",
    "TaxId.value": "DE136695976",
    "TaxIdInput.type": "eu_vat",
    "TaxIdInput.value": "DE136695976",
    "bank_details": {"bank_name": "Hausbank", "iban": "DE89370400440532013000", "bic": "COBADEFFXXX"},
    "footer": "Registered in Berlin, HRB 4711",
    "legal_name": "Acme Maschinenbau GmbH",
    "number_prefix": "ACME-27",
    "preferred_language": "de",
    "Refund.charge": public_id("ch"),
    "address": None,
    "discount_amount": 0,
}

# Fields of a request that its example does without.
LEFT_OUT = ["address", "due_date", "full", "invoice"]
