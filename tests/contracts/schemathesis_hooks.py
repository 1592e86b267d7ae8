"""What Schemathesis does before and after each of its requests; loaded by its own process (see test_schemathesis.py).

The document says the form of a value; whether there is such a customer, or whether `from` lies before `to`, no JSON Schema
can say. In most cases that keep to the document, such a value is therefore replaced by one that holds (`repairs`): an
identifier of an object that is there, a period that ends after it began. Then nothing excuses a refusal.

Every KEEP_EACH-th case is sent as it was made, so that strange values that keep to the document reach the server too. There a
refusal is right exactly when it names nothing but rules of BEYOND_THE_DOCUMENT.
"""

import json
import math
import os
import re
import secrets
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import RejectedPositiveData

Json = dict[str, Any]
Repair = Callable[[Json, Collection[str]], None]

KEEP_EACH = 6
TYPE_ID = re.compile(r"\b([a-z]{2,4})_[0-7][0-9a-hjkmnp-tv-z]{25}\b")
TYPE_ID_BYTES = re.compile(TYPE_ID.pattern.encode())
# What an operation may refuse although the document allows it: "field code", and why no JSON Schema can say it.
_CUSTOMER = {"customer not_found": "which customers there are is data"}
_LINES = {
    "lines invalid": "the discount is at most quantity × unit_amount: arithmetic of three fields",
    "lines too_large": "the lines add up to an amount there can be: arithmetic",
    "lines contradictory": "not both an amount and a percentage: generators take no schema of two alternatives",
    "lines decimals": "what is no double of six decimals: `multipleOf` is judged in binary",
    "discount_bps contradictory": "not both an amount and a percentage: generators take no schema of two alternatives",
    "discount_amount too_large": "the discount is at most the sum of the lines: arithmetic, or data",
    "service_period invalid": "it begins before it ends: two fields",
}
_TAX_IDS = {"tax_ids invalid": "each country has check digits of its own (python-stdnum)"}
_MERGED = {"metadata too_many": "what is sent and what is there have 50 entries together: data"}
_SEEN = "something of it can be seen, and it is no credential: tables of Unicode, and a checksum"
_NAMES = {f"{name} invalid": _SEEN for name in ("name", "external_id")}
_PHONE = {**_NAMES, "phone invalid": "which lengths a country's numbers have is a table of hundreds of lines"}
_PERIOD = {
    "since invalid": "the period begins before it ends, and in the past: two fields, and the clock",
    "since too_early": "the period begins at most 30 days back: the clock",
}
_URL = {
    "url url_port": "only some ports are called, unless the operator allows a network: a setting",
    "url url_not_public": "no private address is called: ranges of addresses in many spellings",
    "url url_host": "names are judged by IDNA (RFC 5891)",
    "url url_credentials": "an @ belongs in a path, and not before one",
    "url url_invalid": "a path is ASCII, a host need not be: two parts of one text",
    "url url_scheme": "as the URL parser of the standard library reads it",
    "headers repeated": "names differ by more than their case",
}
_TEXTS = {
    "subject required": "a subject or a template: generators take no schema of two alternatives",
    "text required": "one of `text`, `html` and `template`: generators take no schema of two alternatives",
    "subject contradictory": "a subject or a template: generators take no schema of two alternatives",
    "text contradictory": "texts or a template: generators take no schema of two alternatives",
    "html contradictory": "texts or a template: generators take no schema of two alternatives",
    "template_version contradictory": "only a template has versions: two fields",
    "template wrong_channel": "which channel a template is of is data",
    "variables contradictory": "only a template has variables: two fields",
    "variables required": "which variables a template has is data",
    "variables unknown_variable": "which variables a template has is data",
    "send_at in_the_past": "the clock",
    "send_at too_far_ahead": "the clock",
    "headers invalid_header": "each header has a form of its own",
}
_ADDRESSES = {
    f"{part} {code}": "RFC 5321, IDNA and the numbering plans of all countries are no pattern; nobody is named twice"
    for part in ("to", "cc", "bcc", "reply_to", "from")
    for code in ("invalid_email", "invalid_phone_number", "invalid_sender", "duplicate")
}
_TEMPLATE = {
    "subject required": "emails have one, SMS none: generators take no schema of two alternatives",
    "subject not_supported": "emails have one, SMS none: generators take no schema of two alternatives",
    "subject control_character": "a subject has one line; a description of the field says so",
    "html not_supported": "emails have one, SMS none: generators take no schema of two alternatives",
    "text required": "one of `text` and `html`: generators take no schema of two alternatives",
    "variables invalid": "a name has words of letters, digits and _: Python's identifiers",
    "variables duplicate": "no name is declared twice",
    "variables contradictory": "no name is the beginning of another one",
    "name invalid": _SEEN,
    **{f"{part} invalid_template": "a grammar is no pattern" for part in ("subject", "text", "html")},
}
_ONE_VALUE = "`false` means nothing: generators take no boolean of one value"
BEYOND_THE_DOCUMENT: dict[str, dict[str, str]] = {
    "GET /v1/analytics/messages": {
        "since after_until": "the period begins before it ends: two parameters",
        "since too_long_ago": "the period has a greatest length: two parameters",
        "since out_of_range": "a year from 2000 to 2199 in UTC, whatever the offset",
        "until out_of_range": "a year from 2000 to 2199 in UTC, whatever the offset",
    },
    "GET /v1/analytics/requests": {
        "since invalid": "the period begins before it ends: two parameters",
        "since too_long": "the period has a greatest length: two parameters",
    },
    "GET /v1/customers": {
        "metadata_value invalid": "comes with `metadata_key`: OpenAPI describes each parameter by itself"
    },
    "GET /v1/events": {
        "starting_after invalid": "which events there are is data",
        "ending_before invalid": "which events there are is data",
    },
    "POST /v1/customers": {**_PHONE, **_TAX_IDS},
    "PATCH /v1/customers/{id}": {**_PHONE, **_TAX_IDS, **_MERGED},
    "PATCH /v1/seller": {
        **_TAX_IDS,
        "legal_name invalid": _SEEN,
        "bank_details invalid": "IBAN and BIC have check digits and lengths by country; names can be seen",
        "logo invalid": "a picture is pixels that can be decoded",
        "logo too_many": "how many logos there were is data",
        "footer invalid": "blanks around a line are dropped, and a line has no separators of Unicode's either",
    },
    "POST /v1/invoices": {**_CUSTOMER, **_NAMES, **_LINES},
    "PATCH /v1/invoices/{id}": {**_CUSTOMER, **_NAMES, **_LINES, **_MERGED},
    "POST /v1/invoices/{id}/send": {
        "to required": "whether the customer has an address is data",
        **{
            f"to {code}": "RFC 5321 and IDNA are no pattern"
            for code in ("invalid_email", "duplicate", "misleading_name")
        },
        "subject required": "something of it can be seen: tables of Unicode",
    },
    "POST /v1/charges": {
        **_CUSTOMER,
        "invoice not_found": "which invoices there are is data",
        "currency mismatch": "the currency is the invoice's: data",
        "customer mismatch": "the customer is the invoice's: data",
        "payment_method invalid": "what the configured gateway takes is a setting",
        "amount required": "one of `invoice` and `amount`: generators take no schema of two alternatives",
        "currency required": "one of `invoice` and `currency`: generators take no schema of two alternatives",
    },
    "POST /v1/charges/{id}/refunds": {
        "amount required": "one of `amount` and `full`: generators take no schema of two alternatives",
        "amount contradictory": "not both `amount` and `full`: generators take no schema of two alternatives",
        "full invalid": _ONE_VALUE,
        "credit_note no_invoice": "which charges have an invoice is data",
    },
    "POST /v1/credit_notes": {
        "lines required": "one of `lines`, `amount` and `full`, which come to something: no schema of alternatives, and data",
        "lines contradictory": "one of `lines`, `amount` and `full`: generators take no schema of alternatives",
        "lines duplicate": "no line is named twice",
        "lines too_large": "what is left of a line is data",
        "full invalid": _ONE_VALUE,
        "memo invalid": _SEEN,
    },
    "POST /v1/credit_notes/{id}/void": {"reason invalid": _SEEN},
    "POST /v1/invoices/{id}/payments": {
        "paid_at out_of_range": "the clock",
        "reference invalid": _SEEN,
    },
    "POST /v1/payments/{id}/undo": {"reason invalid": _SEEN},
    "POST /v1/messages": {
        **_CUSTOMER,
        **_TEXTS,
        "to required": "one of `to` and `customer`: generators take no schema of two alternatives",
        "customer no_address": "whether the customer has an address on the channel is data",
        "to too_many": "`to`, `cc` and `bcc` have 100 addresses together: three fields",
        **{
            f"{part} not_supported": "not `bulk` and `cc` or `bcc`: generators take no schema of two alternatives"
            for part in ("cc", "bcc")
        },
        **_ADDRESSES,
        **{
            f"attachments {code}": "what a file is called and how it begins fits its type; all are small together"
            for code in ("too_large", "invalid_filename", "wrong_extension", "wrong_content", "duplicate")
        },
    },
    "POST /v1/messages/batch": {
        **_TEXTS,
        **_ADDRESSES,
        "recipients required": "one of `to` and `customer`: generators take no schema of two alternatives",
        "recipients contradictory": "only a template has variables: two fields",
        "recipients no_address": "whether the customer has an address on the channel is data",
        **{
            f"recipients {code}": "RFC 5321, IDNA and the numbering plans of all countries are no pattern"
            for code in ("invalid_email", "invalid_phone_number", "too_many")
        },
    },
    "POST /v1/sender_domains": {"domain invalid_domain": "IDNA is no pattern"},
    "POST /v1/sms_senders": {"sender invalid_sender": "the numbering plans of all countries are no pattern"},
    "POST /v1/suppressions": {
        "address invalid_email": "RFC 5321 and IDNA are no pattern",
        "address invalid_phone_number": "the numbering plans of all countries are no pattern",
    },
    "POST /v1/templates": _TEMPLATE,
    "PATCH /v1/templates/{id}": _TEMPLATE,
    "POST /v1/templates/{id}/preview": {
        "version not_found": "how many versions there are is data",
        "variables required": "which variables a template has is data",
        "variables unknown_variable": "which variables a template has is data",
    },
    "POST /v1/webhook_endpoints": _URL,
    "PATCH /v1/webhook_endpoints/{id}": _URL,
    "POST /v1/webhook_endpoints/{id}/recover": _PERIOD,
    "POST /v1/webhook_endpoints/{id}/replay_missing": _PERIOD,
}

# How many there are already is data.
FULL = frozenset({"template_limit_reached", "too_many_sms_senders"})

WORLD: dict[str, Any] = json.loads(Path(os.environ["CONTRACT_WORLD"]).read_text())
# Objects that are there: by prefix of their id, those that any operation may name; by operation, those that it may use up.
known: dict[str, list[str]] = WORLD["known"]
spare: dict[str, list[str]] = WORLD["spare"]
invoices: dict[str, dict[str, str]] = WORLD["invoices"]
whole: list[str] = list(WORLD["whole_invoices"])
named: set[str] = set()
kept: set[str] = set()
# What was counted; the numbers begin anywhere, so that two runs on one server do not meet.
counts: Counter[str] = Counter(number=secrets.randbelow(70_000_000))


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Send from an address of its own, under an Idempotency-Key of its own, and about what is there.

    An address may fail to authenticate 20 times a minute and is refused with 429 from then on; the checks fail oftener.
    And an Idempotency-Key is made for one request: the document's example or the shortest key, sent with many, would
    only ever get 422, and nothing behind it would be tried.
    """
    key = case.headers.get("Idempotency-Key")
    if key is not None and re.fullmatch(WORLD["idempotency_key"], key):
        case.headers["Idempotency-Key"] = secrets.token_hex(16)
    # A page is read on or back: two parameters, of which the document cannot say that they exclude each other.
    if case.query and "starting_after" in case.query:
        case.query.pop("ending_before", None)
    # Waiting for an event would only take its time, and goes with one order only: two parameters.
    if case.query and keeps_to_the_document(case, ParameterLocation.QUERY):
        case.query.pop("wait", None)
    # Which days are versions the document leaves open: a client of today must be able to name one of tomorrow.
    # And who asks for no version there is is told so before it is told that there is no such method.
    version = case.headers.get("Pomelo-Version")
    is_day = version is not None and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", version)
    if is_day or (version is not None and case.method != case.operation.method.upper()):
        case.headers["Pomelo-Version"] = WORLD["version"]
    # Random tags would end every write with 412 before anything behind it is tried.
    for name in ("If-Match", "If-None-Match"):
        case.headers.pop(name, None)
    case.headers["X-Forwarded-For"] = ".".join(["203", *(str(secrets.randbelow(256)) for _ in range(3))])
    label = case.operation.label
    counted = f"{label} {case.meta.phase.name if case.meta else ''}"
    counts[counted] += 1
    if counts[counted] % KEEP_EACH == 0 and not is_step(case):
        kept.add(case.id)
        return
    # A step names what an earlier one has made or found; any other case knows of nothing.
    trusted = named if is_step(case) else frozenset()
    # In a chain what was used up stays used up: nothing else stands for it.
    uses_up = is_step(case) and label in spare
    if keeps_to_the_document(case, ParameterLocation.PATH) and not uses_up:
        for name, value in case.path_parameters.items():
            case.path_parameters[name] = there(value, trusted, label)
    repair = REPAIRS.get(label)
    if repair is None and label.startswith(("POST ", "PATCH ")):
        repair = repair_identifiers
    if repair is None or case.method != case.operation.method.upper():
        return
    if case.operation.label.startswith("GET "):
        if keeps_to_the_document(case, ParameterLocation.QUERY):
            repair(case.query, trusted)
    elif isinstance(case.body, dict) and keeps_to_the_document(case, ParameterLocation.BODY):
        body = json.loads(json.dumps(case.body))
        repair(body, trusted)
        case.body = body


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: schemathesis.Case, response: Any) -> None:
    """Remember what an answer names: a later step that names it means it, unless it was deleted."""
    if case.method == "DELETE" and response.status_code == 204:
        named.difference_update(case.path_parameters.values())
    if response.status_code < 300:
        named.update(match[0].decode() for match in TYPE_ID_BYTES.finditer(response.content))


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Any, case: schemathesis.Case, response: Any
) -> bool:
    """Drop the refusal of a case that was sent as it was made, when it names nothing but rules beyond the document.

    So too of a step of a chain: what its objects have become is the work of the steps before it.
    """
    if not isinstance(failure, RejectedPositiveData):
        return True
    if response.json()["error"]["code"] in FULL:
        return False
    if case.id not in kept and not is_step(case):
        return True
    fields = response.json()["error"].get("fields", [{"field": "", "code": ""}])
    rules = BEYOND_THE_DOCUMENT.get(case.operation.label, {})
    # Which objects there are is data, whatever names them.
    return not all(
        each["code"] == "not_found" or f"{each['field'].partition('.')[0]} {each['code']}" in rules
        for each in fields
    )


def keeps_to_the_document(case: schemathesis.Case, part: ParameterLocation) -> bool:
    """Whether this part of the request was made to be accepted."""
    meta = case.meta
    return meta is not None and (part not in meta.components or meta.components[part].mode.is_positive)


def is_step(case: schemathesis.Case) -> bool:
    """Whether the case is one of a chain of requests, in which what a later one needs an earlier one makes."""
    return case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL


def there(value: Any, trusted: Collection[str], label: str = "") -> Any:
    """Return `value` if it is among `trusted`, or no identifier; else an object of its kind that is there.

    An operation that uses objects up has its own, which it is given in turn: fresh at first, later used.
    """
    match = TYPE_ID.fullmatch(value) if isinstance(value, str) else None
    if match is None or value in trusted:
        return value
    if label in spare:
        spare[label].append(spare[label].pop(0))
        return spare[label][-1]
    return secrets.choice(known.get(match[1], [value]))


# --- repairs: each takes the query or the body of one operation and changes what cannot hold ------------------------------


def number() -> int:
    """Return a number no other request has."""
    counts["number"] += 1
    return counts["number"]


def moment(**back: float) -> str:
    """Return the time so long ago, as RFC 3339 writes it."""
    return f"{datetime.now(UTC) - timedelta(**back):%Y-%m-%dT%H:%M:%SZ}"


def phone() -> str:
    """Return a mobile number that can exist and that no other request has."""
    return f"+49151{20_000_000 + number()}"


def attachment() -> Json:
    """Return a small file with a name that no other has."""
    return {"filename": f"terms {number()}.txt", "content_type": "text/plain", "content": "VGVybXM="}


def email() -> str:
    """Return an address no other request has."""
    return f"ada.{number()}@example.com"


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


# A PNG of one pixel.
WHITE_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="


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
    if not trusted:
        body["invoice"] = secrets.choice(WORLD["creditable_invoices"])
    for alternative in ("lines", "full", "memo"):
        body.pop(alternative, None)
    body["amount"] = 1 + number() % 9


def repair_payment(body: Json, trusted: Collection[str]) -> None:
    """Record a little that was paid by now, so that something is left."""
    body.pop("paid_at", None)
    body["amount"] = 1 + number() % 9


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
    """Read on from an event that is there, or back."""
    for name in ("starting_after", "ending_before"):
        if name in query:
            query[name] = there(query[name], trusted)


def repair_metadata(query: Json, trusted: Collection[str]) -> None:
    """Name the key too."""
    if "metadata_value" in query:
        query.setdefault("metadata_key", "plan")


REPAIRS: dict[str, Repair] = {
    "GET /v1/analytics/messages": repair_range("since", "until"),
    "GET /v1/analytics/requests": repair_range("since", "until"),
    "GET /v1/customers": repair_metadata,
    "GET /v1/events": repair_cursor,
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
    "POST /v1/messages": repair_message,
    "POST /v1/messages/batch": repair_batch,
    "POST /v1/templates": repair_template,
    "PATCH /v1/templates/{id}": repair_template,
    "POST /v1/templates/{id}/preview": repair_preview,
    "POST /v1/sender_domains": repair_domain,
    "POST /v1/sms_senders": repair_sms_sender,
    "POST /v1/suppressions": repair_suppression,
    "POST /v1/webhook_endpoints": repair_endpoint,
    "PATCH /v1/webhook_endpoints/{id}": repair_endpoint,
    "POST /v1/webhook_endpoints/{id}/recover": repair_period,
    "POST /v1/webhook_endpoints/{id}/replay_missing": repair_period,
}
