"""`trigger`: causes an event by creating real objects through the API with the test key."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pomelo_cli.api import Api
from pomelo_cli.problems import Problem, Unreachable

NOTE = {"made_by": "pomelo trigger"}
# Payments and messages are processed by the platform's worker.
EVENT_SECONDS = 30.0
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Maker:
    """Creates objects. Idempotency keys, unique to this run, make each write happen once."""

    api: Api

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        made: dict[str, Any] = self.api.write("POST", path, body, key=str(uuid.uuid4()))
        return made

    def patch(self, path: str, body: Any) -> dict[str, Any]:
        changed: dict[str, Any] = self.api.write("PATCH", path, body, key=str(uuid.uuid4()))
        return changed

    def delete(self, path: str) -> None:
        self.api.delete(path, key=str(uuid.uuid4()))

    def customer(self) -> dict[str, Any]:
        return self.post("/v1/customers", {"name": "Ada Lovelace", "metadata": NOTE})

    def invoice(self) -> dict[str, Any]:
        lines = [{"description": "Work", "quantity": 1, "unit_amount": 4200}]
        return self.post(
            "/v1/invoices",
            {"customer": self.customer()["id"], "currency": "EUR", "lines": lines, "metadata": NOTE},
        )

    def finalized(self) -> dict[str, Any]:
        return self.post(f"/v1/invoices/{self.invoice()['id']}/finalize")

    def charge(self, card: str) -> dict[str, Any]:
        body = {"amount": 4200, "currency": "EUR", "payment_method": card, "metadata": NOTE}
        return self.post("/v1/charges", body)

    def refund(self, amount: int) -> dict[str, Any]:
        charge = self.charge("card_success")
        wait_for(lambda: self.api.get(f"/v1/charges/{charge['id']}")["status"] == "succeeded")
        return self.post(f"/v1/charges/{charge['id']}/refunds", {"amount": amount})

    def message(self, name: str) -> dict[str, Any]:
        body = {"channel": "email", "to": [f"{name}@test.pomelo.dev"], "subject": "Hello", "text": "Hello."}
        return self.post("/v1/messages", {**body, "metadata": NOTE})


def _customer_updated(make: Maker) -> str:
    customer = make.customer()
    make.patch(f"/v1/customers/{customer['id']}", {"name": "Ada King"})
    return str(customer["id"])


def _customer_deleted(make: Maker) -> str:
    customer = make.customer()
    make.delete(f"/v1/customers/{customer['id']}")
    return str(customer["id"])


def _invoice_updated(make: Maker) -> str:
    invoice = make.invoice()
    make.patch(f"/v1/invoices/{invoice['id']}", {"memo": "Thank you."})
    return str(invoice["id"])


def _invoice_deleted(make: Maker) -> str:
    invoice = make.invoice()
    make.delete(f"/v1/invoices/{invoice['id']}")
    return str(invoice["id"])


def _invoice_paid(make: Maker) -> str:
    invoice = make.finalized()
    make.post("/v1/charges", {"invoice": invoice["id"], "payment_method": "card_success"})
    return str(invoice["id"])


def _after_finalizing(action: str) -> Callable[[Maker], str]:
    return lambda make: str(make.post(f"/v1/invoices/{make.finalized()['id']}/{action}")["id"])


# Each recipe creates its objects and returns the id of the event's object.
RECIPES: dict[str, Callable[[Maker], str]] = {
    "customer.created": lambda make: str(make.customer()["id"]),
    "customer.updated": _customer_updated,
    "customer.deleted": _customer_deleted,
    "invoice.created": lambda make: str(make.invoice()["id"]),
    "invoice.updated": _invoice_updated,
    "invoice.deleted": _invoice_deleted,
    "invoice.finalized": lambda make: str(make.finalized()["id"]),
    "invoice.paid": _invoice_paid,
    "invoice.voided": _after_finalizing("void"),
    "invoice.marked_uncollectible": _after_finalizing("mark_uncollectible"),
    "charge.created": lambda make: str(make.charge("card_success")["id"]),
    "charge.succeeded": lambda make: str(make.charge("card_success")["id"]),
    "charge.failed": lambda make: str(make.charge("card_declined")["id"]),
    "refund.created": lambda make: str(make.refund(1000)["id"]),
    "refund.succeeded": lambda make: str(make.refund(1000)["id"]),
    "refund.failed": lambda make: str(make.refund(4002)["id"]),
    "message.queued": lambda make: str(make.message("delivered")["id"]),
    "message.sent": lambda make: str(make.message("delivered")["id"]),
    "message.delivered": lambda make: str(make.message("delivered")["id"]),
    "message.bounced": lambda make: str(make.message("bounced")["id"]),
    "message.complained": lambda make: str(make.message("complained")["id"]),
    "message.failed": lambda make: str(make.message("failed")["id"]),
    "message.suppressed": lambda make: str(make.message("suppressed")["id"]),
}


def trigger(api: Api, event_type: str) -> tuple[str, str]:
    """Create the objects. Return the ids of the event and its object.

    Raises Problem for a type without a recipe, a refused request, or an event that does not arrive within 30 seconds.
    """
    recipe = RECIPES.get(event_type)
    if recipe is None:
        raise Problem(f"{event_type!r} cannot be triggered. What can be: {', '.join(RECIPES)}")
    try:
        about = recipe(Maker(api))
        found: list[str] = []

        def arrived() -> bool:
            page = api.get("/v1/events", {"type": event_type, "object_id": about, "limit": 1})
            found.extend(event["id"] for event in page["data"])
            return bool(found)

        wait_for(arrived)
    except Unreachable as error:
        raise Problem(f"{error}. Check --api-url, and that Pomelo runs there; then try again") from error
    return found[0], about


def wait_for(happened: Callable[[], bool]) -> None:
    """Wait until `happened` returns true. Raises Problem after 30 seconds."""
    for _ in _polls():
        if happened():
            return
    raise Problem(
        f"The objects are made, but what should follow did not within {EVENT_SECONDS:.0f} s: is Pomelo's worker running?"
    )


def _polls() -> Iterator[None]:
    end = time.monotonic() + EVENT_SECONDS
    while time.monotonic() < end:
        yield
        time.sleep(POLL_SECONDS)
