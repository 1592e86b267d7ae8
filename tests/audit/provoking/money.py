"""Customers, invoices, charges and refunds over the API; what the gateway answers is Pomelo's own doing."""

from typing import Any

from billing.tasks import complete_payments
from tests.audit.provoking.scene import Scene, Written, provokes
from tests.billing.factories import LINE
from tests.clients import ApiClient

SCOPES = ("customers:write", "invoices:read", "invoices:write", "charges:read", "charges:write")


def made(client: ApiClient, path: str, body: Any = None) -> Any:
    answer = client.post(path, body)
    assert answer.status in (200, 201), answer
    return answer.json


def customer(client: ApiClient) -> str:
    return f"/v1/customers/{made(client, '/v1/customers', {'name': 'Ada Lovelace'})['id']}"


def invoice(client: ApiClient) -> str:
    body = {"customer": customer(client).rpartition("/")[2], "currency": "EUR", "lines": [LINE]}
    return f"/v1/invoices/{made(client, '/v1/invoices', body)['id']}"


def open_invoice(client: ApiClient) -> str:
    path = invoice(client)
    made(client, f"{path}/finalize")
    return path


def charge(client: ApiClient, method: str = "card_success", amount: int = 5_000) -> str:
    body = {"amount": amount, "currency": "EUR", "payment_method": method}
    return f"/v1/charges/{made(client, '/v1/charges', body)['id']}"


def settled(client: ApiClient, path: str, status: str) -> None:
    complete_payments()
    found = client.get(path).json
    assert (found["data"][0] if "data" in found else found)["status"] == status


@provokes("customer.created")
def customer_created(scene: Scene) -> Written:
    customer(scene.api(*SCOPES))
    return scene.by_key()


@provokes("customer.updated")
def customer_updated(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    assert client.patch(customer(client), {"name": "Grace Hopper"}).status == 200
    return scene.by_key()


@provokes("customer.deleted")
def customer_deleted(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    assert client.delete(customer(client)).status == 204
    return scene.by_key()


@provokes("invoice.created")
def invoice_created(scene: Scene) -> Written:
    invoice(scene.api(*SCOPES))
    return scene.by_key()


@provokes("invoice.updated")
def invoice_updated(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    assert client.patch(invoice(client), {"external_id": "order-7"}).status == 200
    return scene.by_key()


@provokes("invoice.deleted")
def invoice_deleted(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    assert client.delete(invoice(client)).status == 204
    return scene.by_key()


@provokes("invoice.finalized")
def invoice_finalized(scene: Scene) -> Written:
    open_invoice(scene.api(*SCOPES))
    return scene.by_key()


@provokes("invoice.voided")
def invoice_voided(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    made(client, f"{open_invoice(client)}/void")
    return scene.by_key()


@provokes("invoice.marked_uncollectible")
def invoice_given_up(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    made(client, f"{open_invoice(client)}/mark_uncollectible")
    return scene.by_key()


@provokes("invoice.paid")
def invoice_paid(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    path = open_invoice(client)
    made(client, "/v1/charges", {"invoice": path.rpartition("/")[2], "payment_method": "card_success"})
    settled(client, path, "paid")
    return scene.by_pomelo("billing.complete_payments")


@provokes("charge.created")
def charge_created(scene: Scene) -> Written:
    charge(scene.api(*SCOPES))
    return scene.by_key()


@provokes("charge.succeeded")
def charge_succeeded(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    settled(client, charge(client), "succeeded")
    return scene.by_pomelo("billing.complete_payments")


@provokes("charge.failed")
def charge_failed(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    settled(client, charge(client, "card_declined"), "failed")
    return scene.by_pomelo("billing.complete_payments")


def refund(client: ApiClient, amount: int) -> str:
    path = charge(client)
    settled(client, path, "succeeded")
    made(client, f"{path}/refunds", {"amount": amount})
    return f"{path}/refunds"


@provokes("refund.created")
def refund_created(scene: Scene) -> Written:
    refund(scene.api(*SCOPES), 900)
    return scene.by_key()


@provokes("refund.succeeded")
def refund_succeeded(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    settled(client, refund(client, 900), "succeeded")
    return scene.by_pomelo("billing.complete_payments")


@provokes("refund.failed")
def refund_failed(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    settled(client, refund(client, 4_002), "failed")  # the amount that the sandbox declines
    return scene.by_pomelo("billing.complete_payments")
