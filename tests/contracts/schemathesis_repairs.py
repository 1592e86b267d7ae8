"""Changes of a request that Schemathesis made, so that it holds what no JSON Schema can say.

Each repair takes the query or the body of one operation, and the identifiers that it may trust, which earlier steps named.
"""

import math
import secrets
from collections.abc import Callable, Collection

from tests.contracts.schemathesis_values import (
    WHITE_PIXEL,
    WORLD,
    Json,
    attachment,
    counts,
    creditable,
    email,
    invoices,
    moment,
    number,
    phone,
    there,
    whole,
)

Repair = Callable[[Json, Collection[str]], None]


def repair_external_id(body: Json, trusted: Collection[str]) -> None:
    """Give names of which something can be seen, and an identifier that no other request has given."""
    for name in ("name", "external_id"):
        if body.get(name) is not None and not any(map(str.isalnum, body[name])):
            body[name] = f"Ada {number()}"
    given = body.get("external_id")
    if given is not None:
        counts[f"external_id {given}"] += 1
        if counts[f"external_id {given}"] > 1:
            body["external_id"] = f"crm-{number()}"


def repair_references(body: Json, trusted: Collection[str]) -> None:
    """Name a customer and an invoice that are there."""
    for name in ("customer", "invoice"):
        if name in body:
            body[name] = there(body[name], trusted)


def repair_customer(body: Json, trusted: Collection[str]) -> None:
    """Give a number that can exist, and an external_id that is free."""
    repair_external_id(body, trusted)
    if body.get("phone"):
        body["phone"] = phone()
    repair_tax_ids(body, trusted)


def repair_tax_ids(body: Json, trusted: Collection[str]) -> None:
    """Give the example of python-stdnum in the place of each."""
    if body.get("tax_ids"):
        body["tax_ids"] = [{"type": "eu_vat", "value": "DE136695976"} for _ in body["tax_ids"]]


def repair_seller(body: Json, trusted: Collection[str]) -> None:
    """Give numbers that can exist, and all that invoices need: another operation finalizes some."""
    body["legal_name"] = f"Acme {number()}"
    body["address"] = {"line1": "Amboßstraße 1", "postal_code": "10115", "city": "Berlin", "country": "DE"}
    body["tax_ids"] = body.get("tax_ids") or [{}]
    repair_tax_ids(body, trusted)
    if body.get("logo") is not None:
        body["logo"] = WHITE_PIXEL
    examples = {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX"}
    for part, value in (body.get("bank_details") or {}).items():
        if value is not None:
            body["bank_details"][part] = examples.get(part, f"Bank {number()}")


def repair_discount(body: Json, most: int) -> None:
    """Give an amount or a percentage, not both, and at most so much."""
    if body.get("discount_bps"):
        body.pop("discount_amount", None)
    if body.get("discount_amount"):
        body["discount_amount"] = min(body["discount_amount"], most)


def repair_identifiers(body: Json, trusted: Collection[str]) -> None:
    """Name objects that are there: all that an operation needs of which no list here knows."""
    for name, value in body.items():
        body[name] = there(value, trusted)


def repair_invoice(body: Json, trusted: Collection[str]) -> None:
    """Name a customer that is there, and let the lines come to an amount there can be, tax included."""
    repair_references(body, trusted)
    repair_external_id(body, trusted)
    lines = body.get("lines", [])
    for line in lines:
        most = 999_999_999_999 // 2 // len(lines)
        line["quantity"] = round(line["quantity"], 6)
        line["unit_amount"] = min(line["unit_amount"], most // math.ceil(line["quantity"]))
        repair_discount(line, int(line["quantity"] * line["unit_amount"]))
    # Nobody knows here what the lines of a draft come to that is changed, or what is left of those that are sent.
    repair_discount(body, 0)
    period = body.get("service_period")
    if period:
        period["start"], period["end"] = "2027-01-01", "2027-01-31"


def repair_charge(body: Json, trusted: Collection[str]) -> None:
    """Charge an open invoice in its own terms, or a customer that is there, by a method of the gateway."""
    body["payment_method"] = secrets.choice(WORLD["payment_methods"])
    if "invoice" in body:
        if body["invoice"] not in trusted:
            # Without an amount all that is left is charged: an invoice for each such charge, while there are any.
            pick = "amount" not in body and whole
            body["invoice"] = whole.pop() if pick else secrets.choice(list(invoices))
        terms = invoices.get(body["invoice"], {})
        if terms:
            body["amount"] = 1 + number() % 9
        for name in ("currency", "customer"):
            if name in body and name in terms:
                body[name] = terms[name]
            else:
                body.pop(name, None)
    else:
        repair_references(body, trusted)
        body.setdefault("amount", 1 + number() % 9)
        body.setdefault("currency", "EUR")


def repair_refund(body: Json, trusted: Collection[str]) -> None:
    """Refund little, so that something is left."""
    body.pop("full", None)
    body["amount"] = 1 + number() % 9
    # Whether the charge has an invoice that could be credited is data.
    body.pop("credit_note", None)


def repair_credit_note(body: Json, trusted: Collection[str]) -> None:
    """Credit little of an invoice that is there, so that something is left."""
    if body["invoice"] not in trusted:
        body["invoice"] = secrets.choice(creditable)
    for alternative in ("lines", "full", "memo"):
        body.pop(alternative, None)
    body["amount"] = 1 + number() % 9


def repair_payment(body: Json, trusted: Collection[str]) -> None:
    """Record a little that was paid by now, so that something is left."""
    body.pop("paid_at", None)
    body["amount"] = 1 + number() % 9


def repair_booking(body: Json, trusted: Collection[str]) -> None:
    """Name a customer that is there, and give a reference that no other booking has."""
    repair_references(body, trusted)
    if "reference" in body:
        body["reference"] = f"booking-{number()}"


def repair_message(body: Json, trusted: Collection[str]) -> None:
    """Name addresses that can exist, each once, at most 100; a customer that is there; and a time in the next days."""
    address = phone if body["channel"] == "sms" else email
    left = 100
    if body.get("bulk"):
        body.pop("cc", None)
        body.pop("bcc", None)
    for part in ("to", "cc", "bcc", "reply_to"):
        if part in body:
            body[part] = [address() for _ in body[part]][:left]
            left -= 0 if part == "reply_to" else len(body[part])
    if "attachments" in body:
        body["attachments"] = [attachment() for _ in body["attachments"]]
    repair_texts(body)
    if not body.get("to") and body.get("customer") in {None, *trusted}:
        # Without a customer it goes nowhere, and a customer that an earlier step made may have no address.
        body["to"] = [address()]
    repair_references(body, trusted)


def repair_sending(body: Json, trusted: Collection[str]) -> None:
    """Name somebody it goes to, under a subject that can be read."""
    body["to"] = [email() for _ in body.get("to") or [None]]
    body["subject"] = "Your invoice"


def repair_texts(body: Json) -> None:
    """Say something without a template, by the channel's own means."""
    for part in ("template", "template_version", "variables"):
        body.pop(part, None)
    if body["channel"] == "email":
        body["subject"] = body.get("subject") or "Hello"
    if not body.get("html"):
        body["text"] = body.get("text") or "Dear Ada"
    if "from" in body:
        # What the world has proved.
        body["from"] = "Acme" if body["channel"] == "sms" else "news@acme.example"
    if body.get("headers"):
        body["headers"] = {"Importance": "high"}
    if body.get("send_at"):
        body["send_at"] = moment(days=-1)


def repair_batch(body: Json, trusted: Collection[str]) -> None:
    """Write to addresses that can exist, and for customers that are there."""
    address = phone if body["channel"] == "sms" else email
    repair_texts(body)
    if "reply_to" in body:
        body["reply_to"] = [address() for _ in body["reply_to"]]
    for one in body["recipients"]:
        one.pop("variables", None)
        one["to"] = address()
        repair_references(one, trusted)


def repair_template(body: Json, trusted: Collection[str]) -> None:
    """Give a name that nobody has, and texts that are templates."""
    if "name" in body:
        body["name"] = f"Template {number()}"
    for part in ("text", "html"):
        if body.get(part) is not None:
            body[part] = "Dear {{ customer.name }}"
    is_email = body.get("channel", "email") == "email"
    if "channel" in body or "subject" in body:
        body["subject"] = "Hello {{ customer.name }}" if is_email else ""
    if not is_email:
        body.pop("html", None)
    if "channel" in body or "text" in body:
        body["text"] = body.get("text") or "Dear {{ customer.name }}"
    body["variables"] = [{"name": f"v{place}"} for place, _ in enumerate(body.get("variables", []))][:50]


def repair_template_change(body: Json, trusted: Collection[str]) -> None:
    """Change what every template has: nobody knows here which channel one is of that an earlier step made."""
    repair_template(body, trusted)
    if trusted:
        for part in ("subject", "html"):
            body.pop(part, None)
        body.setdefault("text", "Dear {{ customer.name }}")


def repair_preview(body: Json, trusted: Collection[str]) -> None:
    """Show a version that is there, with its examples."""
    body.clear()
    body["variables"] = None


def repair_domain(body: Json, trusted: Collection[str]) -> None:
    """Name a domain that nobody has named."""
    body["domain"] = f"d{number()}.example"


def repair_sms_sender(body: Json, trusted: Collection[str]) -> None:
    """Ask for a name that nobody has asked for."""
    body["sender"] = f"A{number()}"
    body["reason"] = f"Our shop has this name, {number()}"


def repair_suppression(body: Json, trusted: Collection[str]) -> None:
    """Name an address that can exist."""
    body["address"] = phone() if body["channel"] == "sms" else email()


def repair_endpoint(body: Json, trusted: Collection[str]) -> None:
    """Name a public address, and no header twice."""
    if "url" in body:
        body["url"] = f"https://example.com/hooks/{number()}"
    if "headers" in body:
        body["headers"] = {name.lower(): value for name, value in body["headers"].items()}


def repair_period(body: Json, trusted: Collection[str]) -> None:
    """Begin an hour ago and end a minute ago."""
    body["since"] = moment(hours=1)
    if "until" in body:
        body["until"] = moment(minutes=1)


def repair_range(*names: str) -> Repair:
    """Return the repair of a period between two parameters: it began a day ago and ended an hour ago."""

    def repair(query: Json, trusted: Collection[str]) -> None:
        for name, hours in zip(names, (24, 1), strict=True):
            if name in query:
                query[name] = moment(hours=hours)

    return repair


def repair_cursor(query: Json, trusted: Collection[str]) -> None:
    """Read on from an object that is there, or back."""
    for name in ("starting_after", "ending_before"):
        if name in query:
            query[name] = there(query[name], trusted)


def repair_customers(query: Json, trusted: Collection[str]) -> None:
    """Name the key of the metadata too, and read on from a customer that is there."""
    repair_cursor(query, trusted)
    if "metadata_value" in query:
        query.setdefault("metadata_key", "plan")


def repair_test_event(body: Json, trusted: Collection[str]) -> None:
    """Ask for no example of an event: the key is of live mode."""
    body.pop("event", None)


REPAIRS: dict[str, Repair] = {
    "GET /v1/analytics/messages": repair_range("since", "until"),
    "GET /v1/analytics/requests": repair_range("since", "until"),
    "GET /v1/customers": repair_customers,
    "GET /v1/events": repair_cursor,
    "GET /v1/invoices": repair_cursor,
    "GET /v1/sender_domains": repair_cursor,
    "GET /v1/sms_senders": repair_cursor,
    "GET /v1/suppressions": repair_cursor,
    "GET /v1/templates": repair_cursor,
    "POST /v1/customers": repair_customer,
    "PATCH /v1/customers/{id}": repair_customer,
    "PATCH /v1/seller": repair_seller,
    "POST /v1/invoices": repair_invoice,
    "PATCH /v1/invoices/{id}": repair_invoice,
    "POST /v1/invoices/{id}/send": repair_sending,
    "POST /v1/charges": repair_charge,
    "POST /v1/charges/{id}/refunds": repair_refund,
    "POST /v1/credit_notes": repair_credit_note,
    "POST /v1/invoices/{id}/payments": repair_payment,
    "POST /v1/bookings": repair_booking,
    "PATCH /v1/bookings/{id}": repair_booking,
    "POST /v1/messages": repair_message,
    "POST /v1/messages/batch": repair_batch,
    "POST /v1/templates": repair_template,
    "PATCH /v1/templates/{id}": repair_template_change,
    "POST /v1/templates/{id}/preview": repair_preview,
    "POST /v1/sender_domains": repair_domain,
    "POST /v1/sms_senders": repair_sms_sender,
    "POST /v1/suppressions": repair_suppression,
    "POST /v1/webhook_endpoints": repair_endpoint,
    "PATCH /v1/webhook_endpoints/{id}": repair_endpoint,
    "POST /v1/webhook_endpoints/{id}/test": repair_test_event,
    "POST /v1/webhook_endpoints/{id}/recover": repair_period,
    "POST /v1/webhook_endpoints/{id}/replay_missing": repair_period,
}
