"""The Python client of openapi-generator, with a live server. Prints each successful call."""

import os
from collections.abc import Callable

import pomelo_generated as made
from pomelo_generated import rest


def connect(name: str) -> made.ApiClient:
    # urllib3 would wait for the 429 that is looked for here.
    chosen = made.Configuration(host=os.environ["BASE_URL"], access_token=os.environ[name], retries=False)
    return made.ApiClient(chosen)


def code_of(error: rest.ApiException) -> str:
    assert isinstance(error.data, made.Problem), error.data
    return error.data.error.code.value


def refusal(call: Callable[[], object]) -> made.ApiException:
    try:
        call()
    except made.ApiException as error:
        return error
    raise AssertionError("not refused")


client = connect("KEY")
customers, invoices = made.CustomersApi(client), made.InvoicesApi(client)
assert made.WhoamiApi(client).whoami().mode == made.Mode.TEST
print("whoami")

ada = customers.create_customer(made.CustomerInput(name="Ada", phone="+493012345678"))
print("customer created")
changed = customers.update_customer(ada.id, made.PatchedCustomerInput(phone=None, name="Ada King"))
assert (changed.phone, changed.name) == (None, "Ada King"), changed
print("customer changed, null clears")
customers.create_customer(made.CustomerInput(name="Grace"))
first = customers.list_customers(limit=1)
assert customers.list_customers(limit=1, starting_after=first.next_cursor).data[0].id == ada.id
print("customers listed, page by page")

line = made.InvoiceLineInput(description="Work", quantity=1, unit_amount=5_000_000_000)
invoice = invoices.create_invoice(made.InvoiceInput(customer=ada.id, currency="EUR", lines=[line]))
assert invoice.subtotal == 5_000_000_000
print("invoice above 2^31")
order = made.ChargeInput(amount=4200, currency="EUR", payment_method="card_success")
assert made.ChargesApi(client).create_charge(order).amount == 4200
print("charge")
assert bytes(invoices.download_invoice_pdf(invoice.id)).startswith(b"%PDF-")
print("PDF as bytes")
email = made.EmailMessageInput(channel="email", to=["delivered@test.pomelo.dev"], subject="Hello", text="Hi")
messages = made.MessagesApi(client)
assert messages.create_message(made.MessageInput(email)).channel == made.MessageChannel.EMAIL
print("email")
sms = made.SmsMessageInput(channel="sms", to=["+15005550006"], text="Hi")
assert messages.create_message(made.MessageInput(sms)).channel == made.MessageChannel.SMS
print("SMS")
hook = made.WebhookEndpointInput(url="https://example.com/hook", events=[made.EventPattern.CUSTOMER_DOT_STAR])
assert made.WebhookEndpointsApi(client).create_webhook_endpoint(hook).secret.startswith("whsec_")
print("webhook endpoint")
gone = customers.create_customer(made.CustomerInput(name="Gone"))
assert customers.delete_customer_with_http_info(gone.id).status_code == 204
print("customer deleted")

error = refusal(
    lambda: made.CustomersApi(connect("NARROW_KEY")).create_customer(made.CustomerInput(name="No"))
)
assert isinstance(error, made.exceptions.ForbiddenException)
assert code_of(error) == "insufficient_scope"
print("403 typed")
slow = made.WhoamiApi(connect("SLOW_KEY"))
error = refusal(lambda: [slow.whoami() for _ in range(20)])
assert (error.status, code_of(error)) == (429, "rate_limited")
print("429 typed")
