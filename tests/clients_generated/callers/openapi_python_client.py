"""The client of openapi-python-client, with a live server. Prints each successful call."""

import os

from pomelo_generated import AuthenticatedClient
from pomelo_generated.api.charges import create_charge
from pomelo_generated.api.customers import create_customer, delete_customer, list_customers, update_customer
from pomelo_generated.api.invoices import create_invoice, download_invoice_pdf
from pomelo_generated.api.messages import create_message
from pomelo_generated.api.webhook_endpoints import create_webhook_endpoint
from pomelo_generated.api.whoami import whoami
from pomelo_generated.models import (
    ChargeInput,
    Currency,
    CustomerInput,
    EmailMessageInput,
    EmailMessageInputChannel,
    EventPattern,
    InvoiceInput,
    InvoiceLineInput,
    PatchedCustomerInput,
    Problem,
    SmsMessageInput,
    SmsMessageInputChannel,
    WebhookEndpointInput,
)


def connect(name: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=os.environ["BASE_URL"], token=os.environ[name])


client = connect("KEY")
assert whoami.sync(client=client).mode == "test"
print("whoami")

ada = create_customer.sync(client=client, body=CustomerInput(name="Ada", phone="+493012345678"))
print("customer created")
changed = update_customer.sync(ada.id, client=client, body=PatchedCustomerInput(phone=None, name="Ada King"))
assert (changed.phone, changed.name) == (None, "Ada King"), changed
print("customer changed, null clears")
create_customer.sync(client=client, body=CustomerInput(name="Grace"))
first = list_customers.sync(client=client, limit=1)
second = list_customers.sync(client=client, limit=1, starting_after=first.next_cursor)
assert second.data[0].id == ada.id
print("customers listed, page by page")

line = InvoiceLineInput(description="Work", quantity=1, unit_amount=5_000_000_000)
body = InvoiceInput(customer=ada.id, currency=Currency.EUR, lines=[line])
invoice = create_invoice.sync(client=client, body=body)
assert invoice.subtotal == 5_000_000_000
print("invoice above 2^31")
order = ChargeInput(amount=4200, currency=Currency.EUR, payment_method="card_success")
assert create_charge.sync(client=client, body=order).amount == 4200
print("charge")
assert download_invoice_pdf.sync(invoice.id, client=client).payload.read().startswith(b"%PDF-")
print("PDF as bytes")
email = EmailMessageInput(
    channel=EmailMessageInputChannel.EMAIL, to=["delivered@test.pomelo.dev"], subject="Hello", text="Hi"
)
assert create_message.sync(client=client, body=email).channel == "email"
print("email")
sms = SmsMessageInput(channel=SmsMessageInputChannel.SMS, to=["+15005550006"], text="Hi")
assert create_message.sync(client=client, body=sms).channel == "sms"
print("SMS")
hook = WebhookEndpointInput(url="https://example.com/hook", events=[EventPattern.CUSTOMER])
assert create_webhook_endpoint.sync(client=client, body=hook).secret.startswith("whsec_")
print("webhook endpoint")
gone = create_customer.sync(client=client, body=CustomerInput(name="Gone"))
assert delete_customer.sync_detailed(gone.id, client=client).status_code == 204
print("customer deleted")

refused = create_customer.sync(client=connect("NARROW_KEY"), body=CustomerInput(name="No"))
assert isinstance(refused, Problem)
assert refused.error.code == "insufficient_scope"
print("403 typed")
slow = connect("SLOW_KEY")
for _ in range(20):
    limited = whoami.sync(client=slow)
    if isinstance(limited, Problem):
        assert limited.error.code == "rate_limited"
        print("429 typed")
        break
