"""Wrong inputs that people sent to products like this one, a line each; `test_wrong_inputs.py` sends them.

To add one, add a line to the list of its kind: `api` (a body), `query` (a list), `form` (one of the dashboard), `page`
(the address of one), `command` (an operator's), each with what is expected. `{company}`, `{customer}`, `{invoice}` (a draft), `{open_invoice}`,
`{charge}`, `{payment}`, `{credit_note}`, `{template}` and `{endpoint}` in a path or a body stand for an object of the company.
A refused call is made again with an Idempotency-Key. What is listed here goes through the whole pipeline, must be no 5xx, and a
refusal must leave every row of the company as it was.

A door of its own (a raw socket, a callback) has its test where its fixtures are, and so has a kind that no request can express:

- a body that does not arrive: `tests/attacks/test_absent_bodies.py`; header names that fold into one: `tests/attacks/test_folded_headers.py`,
  and behind real proxies `tests/proxies/test_proxies.py`
- a row that got into a batch all the same: `tests/contracts/test_poisoned_rows.py`, `tests/core/test_set_aside.py`
- errors of libraries and servers that go away: `tests/core/test_foreign_errors.py`, `tests/core/test_valkey_cluster.py`,
  `tests/accounts/test_without_valkey.py`
- copies of another release: `tests/core/test_previous_release.py`
- races: `tests/apikeys/test_races.py`, `tests/webhooks/test_claims.py`
- calls that wait, and where none may: `tests/contracts/test_calls_outside_transactions.py`
- answers of receivers and reports of providers: `tests/webhooks/test_retry.py`, `tests/messaging/test_signed_callbacks.py`
- effects that could not be told, and proofs that run out: `tests/apikeys/test_without_valkey.py`, `tests/apikeys/test_vault_login.py`
- timing: `tests/attacks/test_doors_of_people.py`
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal: the status and code, and the field it names (`at`) with words its message has (`says`)."""

    at: str = ""
    says: str = ""
    status: int = 400
    code: str = "validation_failed"


@dataclass(frozen=True, slots=True)
class Taken:
    """Accepted, with these values in the answer."""

    values: Json = field(default_factory=dict)
    status: int = 201


@dataclass(frozen=True, slots=True)
class Case:
    """One input: through which door, what is sent, and what must come of it."""

    kind: str
    name: str
    door: str
    target: str
    sent: Any
    expected: Refused | Taken


CASES: list[Case] = []


def api(kind: str, name: str, operation: str, body: Any, expected: Refused | Taken) -> None:
    """A call with a body: JSON of a dict, or the bytes as they are."""
    CASES.append(Case(kind, name, "api", operation, body, expected))


def query(kind: str, name: str, address: str, expected: Refused | Taken) -> None:
    """A list, asked for with a query string."""
    CASES.append(Case(kind, name, "api", f"GET {address}", None, expected))


def form(kind: str, name: str, page: str, fields: dict[str, str], says: str) -> None:
    """A form of the dashboard that is shown again with words beside the field; `page` is where it stands."""
    CASES.append(Case(kind, name, "form", page, fields, Refused(says=says)))


def page(kind: str, name: str, address: str, says: str) -> None:
    """A page of the dashboard that says of its address what it did not understand."""
    CASES.append(Case(kind, name, "page", address, None, Refused(says=says)))


def command(kind: str, name: str, line: str, says: str) -> None:
    """An operator's command that refuses an argument."""
    CASES.append(Case(kind, name, "command", line, None, Refused(says=says)))


def filled(kind: str, name: str, page: str, fields: dict[str, str]) -> None:
    """A form of the dashboard that is accepted."""
    CASES.append(Case(kind, name, "form", page, fields, Taken(status=302)))


# A line each, however long.
# fmt: off

MESSAGE = {"channel": "email", "to": ["ada@example.com"], "subject": "Hello", "text": "Hi"}
BATCH = {"channel": "email", "recipients": [{"to": "ada@example.com"}], "subject": "Hello", "text": "Hi"}
TEMPLATE = {"name": "Reminder", "channel": "email", "subject": "Hello", "text": "Hi"}
INVOICE = {"customer": "{customer}", "currency": "EUR"}
LINE = {"line0-description": "Consulting", "line0-quantity": "1", "line0-unit_price": "12.50", "line0-tax_rate": "19"}
DRAFT = {"customer": "{customer}", "currency": "EUR", **LINE}
COMPOSED = {"channel": "email", "to": "ada@example.com", "subject": "Hello", "text": "Hi"}

# Ambiguous text repaired in silence.
for text in ("2030-01-31T12:00:00", "2030-01-31", "20300131T120000Z", "2030-W05-4T12:00:00Z", "２０３０-01-31T12:00:00Z"):
    api("ambiguous", f"send_at {text}", "POST /v1/messages", {**MESSAGE, "send_at": text}, Refused("send_at", "2026-01-31T12:00:00Z"))
for text in ("20300131", "2026-W53-4", "2030-031", "２０３０-01-31", "31.01.2030", "2030-01-31T00:00:00Z"):
    api("ambiguous", f"due_date {text}", "POST /v1/invoices", {**INVOICE, "due_date": text}, Refused("due_date", "2026-01-31"))
    query("ambiguous", f"due_before {text}", f"/v1/invoices?due_before={text}", Refused("due_before", "2026-01-31"))
LISTS = ("customers", "invoices", "charges", "messages", "events", "deliveries", "audit_entries", "request_logs", "credit_notes", "payments", "refunds", "templates", "sender_domains", "sms_senders", "suppressions")
for path in LISTS:
    for text in ("2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00+02:00"):  # a plus sign is a space there
        query("ambiguous", f"{path} {text}", f"/v1/{path}?created_after={text}", Refused("created_after", "2026-01-31T12:00:00Z"))
query("ambiguous", "analytics from a day", "/v1/analytics/messages?since=2026-01-31", Refused("since", "RFC 3339"))
query("ambiguous", "analytics since a day", "/v1/analytics/requests?since=2026-01-31", Refused("since", "RFC 3339"))
api("ambiguous", "recover since a day", "POST /v1/webhook_endpoints/{endpoint}/recover", {"since": "2026-01-31"}, Refused("since", "RFC 3339"))
for name, value in (("unit_price", "12,50"), ("unit_price", "1.250,00"), ("unit_price", "1 250.00"), ("unit_price", "１２"), ("discount", "0,50")):
    form("ambiguous", f"{name} {value}", "/invoices/new/", {**DRAFT, f"line0-{name}": value}, "Write the amount as in 1,250.00 (EUR).")
form("ambiguous", "dinars with a comma", "/invoices/new/", {**DRAFT, "currency": "KWD", "line0-unit_price": "12,500"}, "Write the amount as in 1,250.000 (KWD).")
for value in ("7,7", "7,75 %", "1.9e1"):
    form("ambiguous", f"tax {value}", "/invoices/new/", {**DRAFT, "line0-tax_rate": value}, "such as 19 or 7.7.")
form("ambiguous", "quantity 1.000", "/invoices/new/", {**DRAFT, "line0-quantity": "1.000"}, "“1.000” can be read in more than one way.")
form("ambiguous", "quantity in full-width digits", "/invoices/new/", {**DRAFT, "line0-quantity": "１２"}, "Write a number with at most 6 decimals, such as 3 or 1.5.")
form("ambiguous", "due day by week", "/invoices/new/", {**DRAFT, "due_date": "2026-W53-4"}, "Write the day as in 2026-01-31")
form("ambiguous", "refund with a comma", "/charges/{charge}/refund/", {"amount": "12,50"}, "Write the amount as in 1,250.00 (EUR).")
form("ambiguous", "a payment with a comma", "/invoices/{open_invoice}/payments/new/", {"amount": "12,50", "method": "cash"}, "Write the amount as in 1,250.00 (EUR).")
form("ambiguous", "a payment of a day by its dots", "/invoices/{open_invoice}/payments/new/", {"amount": "12.50", "method": "cash", "paid_at": "31.01.2026"}, "Write the day as in 2026-01-31")
form("ambiguous", "a credit with a comma", "/invoices/{open_invoice}/credit/", {"line0": "12,50"}, "Write the amount as in 1,250.00 (EUR).")
form("ambiguous", "a charge with a comma", "/invoices/{open_invoice}/charge/", {"amount": "12,50", "payment_method": "card_success"}, "Write the amount as in 1,250.00 (EUR).")
PAYMENT = {"method": "cash", "amount": 1}
for text in ("2026-01-31T12:00:00", "2026-01-31", "20260131T120000Z", "2026-W05-4T12:00:00Z", "２０２６-01-31T12:00:00Z"):
    api("ambiguous", f"paid_at {text}", "POST /v1/invoices/{open_invoice}/payments", {**PAYMENT, "paid_at": text}, Refused("paid_at", "2026-01-31T12:00:00Z"))
    api("ambiguous", f"a batch at {text}", "POST /v1/messages/batch", {**BATCH, "send_at": text}, Refused("send_at", "2026-01-31T12:00:00Z"))
for text in ("20270131", "2026-W53-4", "２０２７-01-31"):
    api("ambiguous", f"a period from {text}", "PATCH /v1/invoices/{invoice}", {"service_period": {"start": text, "end": "2027-01-31"}}, Refused("service_period.start", "2026-01-31"))
form("ambiguous", "send at a day", "/messages/new/", {**COMPOSED, "send_at": "31.01.2030 12:00"}, "Write the time as in")
filled("ambiguous", "a price as the page writes it", "/invoices/new/", {**DRAFT, "line0-unit_price": "1,250.00", "line0-tax_rate": "7.7 %"})

# Two parts, two ideas of a valid value: what a customer may be called and reached by, mail can be sent to.
NOBODY = {"channel": "email", "subject": "Hello", "text": "Hi"}
for text in ("a@[127.0.0.1]", "a@127.0.0.10", "jörg@example.com", "a b@example.com", "a@exa\u200bmple", "a@b@example.com", "x" * 65 + "@example.com", "Ada <ada@example.com>", "a@\u2028example.com", "a@example.com\u0085b"):
    api("address", f"customer {ascii(text)[:40]}", "POST /v1/customers", {"name": "Ada", "email": text}, Refused("email"))
for text in ("a@[127.0.0.1]", "a@127.0.0.10", "jörg@example.com", "Ada <a@example.com", "Ada, Bob <a@example.com>", "a@example.com, b@example.com", "Ada\t<a@example.com>", "Ada\r\nBcc: b@example.com <a@example.com>", "=?utf-8?q?a=0Ab?= <a@example.com>"):
    api("address", f"recipient {ascii(text)[:40]}", "POST /v1/messages", {**MESSAGE, "to": [text]}, Refused("to.0"))
    api("address", f"sender {ascii(text)[:40]}", "POST /v1/messages", {**MESSAGE, "from": text}, Refused("from"))
    api("address", f"recipient of a batch {ascii(text)[:40]}", "POST /v1/messages/batch", {**BATCH, "recipients": [{"to": text}]}, Refused("recipients.0.to"))
    api("address", f"recipient of an invoice {ascii(text)[:40]}", "POST /v1/invoices/{open_invoice}/send", {"to": [text]}, Refused("to.0"))
for text in ("a@[127.0.0.1]", "jörg@example.com", "a@exa\u200bmple"):
    api("address", f"suppressed {ascii(text)[:40]}", "POST /v1/suppressions", {"channel": "email", "address": text}, Refused("address"))
for text in ("\u200b", "\u3164", "Ada\tL", "Ada\u2028L"):
    api("address", f"template called {text!a}", "POST /v1/templates", {**TEMPLATE, "name": text}, Refused("name"))
    api("address", f"payment by the reference {text!a}", "POST /v1/invoices/{open_invoice}/payments", {**PAYMENT, "reference": text}, Refused("reference"))
    api("address", f"payment undone because {text!a}", "POST /v1/payments/{payment}/undo", {"reason": text}, Refused("reason"))
    api("address", f"credit note void because {text!a}", "POST /v1/credit_notes/{credit_note}/void", {"reason": text}, Refused("reason"))
for text in ("\u200b", "\u00a0\u2060", "\u3164", "\u115f\u1160", "\ufeff\u00ad", "\u2800", "\U000e0041", "Ada\tLovelace", "Ada\nLovelace", "Ada\u2028L", "Ada\u0085L"):
    api("address", f"name {text!a}", "POST /v1/customers", {"name": text}, Refused("name"))
    form("address", f"form name {text!a}", "/customers/new/", {"name": text}, "Needs at least one visible character." if "Ada" not in text else "Must not contain line breaks")
form("address", "a key nobody can see", "/keys/new/", {"name": "\u200b", "kind": "server", "scopes": "customers:read", "expiry": "90", "rate_limit": "60"}, "Needs at least one visible character.")
api("address", "subject nobody can see", "POST /v1/messages", {**MESSAGE, "subject": "\u200b\u3164"}, Refused("subject"))
api("address", "a name too long once composed", "POST /v1/customers", {"name": "\u0958" * 150}, Refused("name", "At most 200 characters"))
for name, most in (("purchase_order", 100), ("memo", 1000), ("tax_note", 300)):
    api("address", f"{name} too long once composed", "POST /v1/invoices", {**INVOICE, name: "\u0958" * most}, Refused(name, f"At most {most} characters"))
    api("address", f"{name} changed to what is too long once composed", "PATCH /v1/invoices/{invoice}", {name: "\u0958" * most}, Refused(name, f"At most {most} characters"))
    form("address", f"{name} typed that is too long once composed", "/invoices/new/", {**DRAFT, name: "\u0958" * most}, f"At most {most} characters")
api("address", "a memo of a credit note too long once composed", "POST /v1/credit_notes", {"invoice": "{open_invoice}", "amount": 1, "memo": "\u0958" * 1000}, Refused("memo", "At most 1000 characters"))
form("address", "a memo typed of a credit note too long once composed", "/invoices/{open_invoice}/credit/", {"memo": "\u0958" * 1000, "line0": "1.00"}, "At most 1000 characters")
api("address", "a footer too long once composed", "PATCH /v1/seller", {"footer": "\u0958" * 500}, Refused("footer", "At most 500 characters"))
api("address", "a URL too long once its path is written out", "POST /v1/webhook_endpoints", {"url": "https://example.com?" + "x" * 2028, "events": ["*"]}, Refused("url", "at most 2048 characters"))
api("address", "a URL too long in ASCII", "POST /v1/webhook_endpoints", {"url": "https://bücher.example/" + "x" * 2020, "events": ["*"]}, Refused("url", "at most 2048 characters"))
LONG_HOST = ".".join(["a" * 63] * 5)
form("address", "an origin longer than a name can be", "/keys/new/", {"name": "browser", "kind": "browser", "scopes": "customers:read", "expiry": "90", "rate_limit": "60", "allowed_origins": f"https://{LONG_HOST}"}, "has no valid host name")
command("address", "an origin longer than a name can be", f"issue_key --company {{company}} --name worker --mode test --scopes customers:read --allowed-origins https://{LONG_HOST}", "has no valid host name")
api("address", "one metadata name in two spellings", "POST /v1/customers", {"name": "Ada", "metadata": {"caf\u00e9": "1", "cafe\u0301": "2"}}, Refused("metadata.caf\u00e9"))
api("address", "an international domain", "POST /v1/customers", {"name": "Jan", "email": "jan@exämple.com"}, Taken({"email": "jan@xn--exmple-cua.com"}))
api("address", "a long Chinese name", "POST /v1/customers", {"name": "李" * 60, "email": "li@example.com"}, Taken({"name": "李" * 60}))
api("address", "a decomposed name", "POST /v1/customers", {"name": "Rene\u0301", "external_id": "e\u0301"}, Taken({"name": "Ren\u00e9", "external_id": "\u00e9"}))
api("address", "the longest sender", "POST /v1/messages", {**MESSAGE, "from": f'"{"x" * 200}" <{"a" * 64}@{"b" * 60}.{"c" * 60}.example.com>'}, Taken())
for text in ("Müller, Jörg", "李" * 60, "Ada (CEO)", "O\u2019Neil"):
    api("address", f"a sender called {ascii(text)[:30]}", "POST /v1/messages", {**MESSAGE, "from": f'"{text}" <a@example.com>'}, Taken())

for text in ("a@[127.0.0.1]", "a@127.0.0.10", "jörg@example.com", "a@exa\u200bmple", "x" * 65 + "@example.com", "Ada <ada@example.com>"):
    form("address", f"invited {ascii(text)[:40]}", "/team/invite/", {"email": text, "role": "viewer"}, "This is not an email address.")
    form("address", f"form customer {ascii(text)[:40]}", "/customers/new/", {"name": "Ada", "email": text}, "This is not an email address.")
TWO_SPELLINGS = {"caf\u00e9": "1", "cafe\u0301": "2"}
api("address", "an invoice's metadata name in two spellings", "POST /v1/invoices", {**INVOICE, "metadata": TWO_SPELLINGS}, Refused("metadata.caf\u00e9", "identical after Unicode normalization"))
api("address", "a change of an invoice to two spellings", "PATCH /v1/invoices/{invoice}", {"metadata": TWO_SPELLINGS}, Refused("metadata.caf\u00e9", "identical after Unicode normalization"))
api("address", "a charge's metadata name in two spellings", "POST /v1/charges", {"amount": 100, "currency": "EUR", "payment_method": "card_success", "metadata": TWO_SPELLINGS}, Refused("metadata.caf\u00e9", "identical after Unicode normalization"))
form("address", "an invoice form's metadata name in two spellings", "/invoices/new/", {**DRAFT, "metadata": "caf\u00e9=1\ncafe\u0301=2"}, "identical after Unicode normalization")
api("address", "an invoice's decomposed words", "POST /v1/invoices", {**INVOICE, "external_id": "e\u0301-1", "metadata": {"e\u0301": "e\u0301"}}, Taken({"external_id": "\u00e9-1", "metadata": {"\u00e9": "\u00e9"}}))
api("address", "a charge's decomposed words", "POST /v1/charges", {"amount": 100, "currency": "EUR", "payment_method": "card_success", "metadata": {"e\u0301": "e\u0301"}}, Taken({"metadata": {"\u00e9": "\u00e9"}}))

# Absence taken for consent. (Bodies that break off need sockets: tests/attacks/test_absent_bodies.py.)
for name, body in (("nothing", b""), ("an empty object", {}), ("null", {"amount": None}), ("both", {"amount": 100, "full": True})):
    api("absence", f"a refund of {name}", "POST /v1/charges/{charge}/refunds", body, Refused("amount"))
api("absence", "a refund that is not full", "POST /v1/charges/{charge}/refunds", {"full": False}, Refused("full"))
for name, body, at in (("nothing", {}, "lines"), ("null", {"amount": None}, "amount"), ("both", {"amount": 1, "full": True}, "lines"), ("an amount that is not full", {"full": False}, "full")):
    api("absence", f"a credit note of {name}", "POST /v1/credit_notes", {"invoice": "{open_invoice}", **body}, Refused(at))
for name, body in (("nothing", b""), ("an empty object", {})):
    api("absence", f"a payment of {name}", "POST /v1/invoices/{open_invoice}/payments", body, Refused("amount"))
    api("absence", f"an undoing of {name}", "POST /v1/payments/{payment}/undo", body, Refused("reason"))
    api("absence", f"a batch of {name}", "POST /v1/messages/batch", body, Refused("recipients"))
    api("absence", f"a recovery of {name}", "POST /v1/webhook_endpoints/{endpoint}/recover", body, Refused("since"))
    api("absence", f"a change of {name} at seller", "PATCH /v1/seller", body, Refused())
    api("absence", f"a rotation of {name}", "POST /v1/webhook_endpoints/{endpoint}/rotate_secret", body, Refused("overlap"))
    for path in ("customers/{customer}", "invoices/{invoice}", "webhook_endpoints/{endpoint}", "charges/{charge}", "payments/{payment}", "credit_notes/{credit_note}", "templates/{template}"):
        api("absence", f"a change of {name} at {path}", f"PATCH /v1/{path}", body, Refused())

# Limits of a library met late, and names that stand twice.
NOT_MEANT = Refused(code="invalid_request")
for depth in (13, 300, 3_000):
    api("limits", f"{depth} objects", "POST /v1/customers", b'{"name": "Ada", "metadata": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}", NOT_MEANT)
    api("limits", f"{depth} lists", "POST /v1/messages", b'{"channel": "email", "to": ' + b"[" * depth + b"]" * depth + b"}", NOT_MEANT)
api("limits", "a name twice", "POST /v1/customers", b'{"name": "Ada", "name": "Eve"}', NOT_MEANT)
api("limits", "a name twice, once escaped", "POST /v1/customers", b'{"name": "Ada", "\\u006eame": "Eve"}', NOT_MEANT)
api("limits", "a metadata name twice", "POST /v1/customers", b'{"name": "Ada", "metadata": {"a": "1", "a": "2"}}', NOT_MEANT)
api("limits", "an amount twice", "POST /v1/charges/{charge}/refunds", b'{"amount": 1, "amount": 5000}', NOT_MEANT)
for number in (b"NaN", b"Infinity", b"1e999", b"01", b"0x10", b"1_000"):
    api("limits", f"an amount of {number.decode()}", "POST /v1/charges/{charge}/refunds", b'{"amount": ' + number + b"}", NOT_MEANT)
for number in (b"1.5", b"1e30", b"9" * 30, b"-1", b"0", b'"100"', b"true"):
    api("limits", f"an amount of {number.decode()}", "POST /v1/charges/{charge}/refunds", b'{"amount": ' + number + b"}", Refused("amount"))

for number in (b"1.5", b"1e30", b"-1", b"0", b'"100"', b"true"):
    api("limits", f"a payment of {number.decode()}", "POST /v1/invoices/{open_invoice}/payments", b'{"method": "cash", "amount": ' + number + b"}", Refused("amount"))
    api("limits", f"a credit of {number.decode()}", "POST /v1/credit_notes", {"invoice": "{open_invoice}", "amount": json.loads(number)}, Refused("amount"))
api("limits", "a recipient twice in JSON", "POST /v1/messages/batch", b'{"channel": "email", "subject": "Hello", "text": "Hi", "recipients": [{"to": "ada@example.com", "to": "eve@example.com"}]}', NOT_MEANT)

# Heuristics on evidence: business words are nobody's credentials.
BUSINESS = {"name": "Basic Consulting", "metadata": {"token": "gold", "secret": "Bearer bonds"}}
api("evidence", "words like credentials", "POST /v1/customers", BUSINESS, Taken(BUSINESS))

# One bad row stops the others: what no row can hold does not get into one. (Rows that got in: test_poisoned_rows.py.)
for name, text in (("a NUL", "Ada\u0000"), ("only a NUL", "\u0000")):
    api("bad rows", f"a name with {name}", "POST /v1/customers", {"name": text}, Refused("name"))
    api("bad rows", f"a metadata value with {name}", "POST /v1/customers", {"name": "Ada", "metadata": {"a": text}}, Refused("metadata.a"))
    api("bad rows", f"a subject with {name}", "POST /v1/messages", {**MESSAGE, "subject": text}, Refused("subject"))
    query("bad rows", f"a search with {name}", f"/v1/customers?search={quote(text)}", Refused("search"))
for name in ("phone", "email", "external_id"):
    api("bad rows", f"half a surrogate pair as {name}", "POST /v1/customers", b'{"name": "Ada", "' + name.encode() + b'": "\\ud800"}', NOT_MEANT)
api("bad rows", "bytes that are no UTF-8", "POST /v1/customers", b'{"name": "\xff\xfe"}', NOT_MEANT)

# Foreign exceptions cross the wall: PostgreSQL and Python have limits that a client is not to learn by a 5xx.
for number in (2**63, 10**30):
    api("foreign", f"a refund of {number}", "POST /v1/charges/{charge}/refunds", f'{{"amount": {number}}}'.encode(), Refused("amount"))
for text in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z"):
    query("foreign", f"created after {text}", f"/v1/customers?created_after={quote(text)}", Refused("created_after"))
for path in (*LISTS, "webhook_endpoints"):
    for cursor in ("x", "cus_", "cus_zzzzzzzzzzzzzzzzzzzzzzzzzz", "0" * 5_000):
        query("foreign", f"{path} after {cursor[:10]}", f"/v1/{path}?starting_after={cursor}", Refused("starting_after"))
    for limit in ("0", "101", "1e2", "１０", "9" * 5_000):
        query("foreign", f"{limit[:6]} {path}", f"/v1/{path}?limit={quote(limit)}", Refused("limit"))

for seconds in ("21", "-1", "1.5", "１", "x"):
    query("foreign", f"a wait of {seconds} seconds", f"/v1/events?order=oldest_first&wait={quote(seconds)}", Refused("wait"))
query("foreign", "a wait in an order without an end", "/v1/events?wait=5", Refused("wait"))

# Silence where people expect a warning: a name with a typing error means nothing, and that is said.
for path in (*LISTS, "webhook_endpoints"):
    query("silence", f"{path} by an unknown filter", f"/v1/{path}?creatd_after=2026-01-31T12:00:00Z", Refused("creatd_after"))
for operation, body in (("POST /v1/customers", {"name": "Ada"}), ("POST /v1/invoices", INVOICE), ("POST /v1/messages", MESSAGE), ("PATCH /v1/customers/{customer}", {}), ("POST /v1/charges/{charge}/refunds", {"amount": 1}), ("POST /v1/invoices/{open_invoice}/payments", PAYMENT), ("POST /v1/credit_notes", {"invoice": "{open_invoice}", "amount": 1}), ("POST /v1/payments/{payment}/undo", {"reason": "Twice"}), ("POST /v1/templates", TEMPLATE), ("POST /v1/messages/batch", BATCH), ("POST /v1/sms_senders", {"sender": "ACME", "reason": "Ours"}), ("POST /v1/invoices/{open_invoice}/send", {}), ("PATCH /v1/seller", {})):
    api("silence", f"{operation} with a field that is not known", operation, {**body, "naem": "Ada"}, Refused("naem"))
api("silence", "a method with a typing error", "POST /v1/invoices/{open_invoice}/payments", {**PAYMENT, "method": "bank_transfr"}, Refused("method"))
api("silence", "a reason with a typing error", "POST /v1/credit_notes", {"invoice": "{open_invoice}", "amount": 1, "reason": "duplicte"}, Refused("reason"))
api("silence", "a variable with a typing error", "POST /v1/templates/{template}/preview", {"variables": {"naem": "Ada"}}, Refused("variables.naem"))
api("silence", "an event with a typing error", "POST /v1/webhook_endpoints", {"url": "https://example.com/hook", "events": ["customer.creatd"]}, Refused("events.0"))
for address in ("/requests/usage/", "/requests/usage/export.csv"):
    page("silence", f"an unknown period of {address}", f"{address}?period=1d", "Use one of 24h, 7d, 30d, 90d, or custom.")
    page("silence", f"a key that is none of {address}", f"{address}?key=key_nobody", "Write it as in key_")
    page("silence", f"a status that is none of {address}", f"{address}?status=4xx", "Write it as in 404.")
    page("silence", f"a key and a status of {address}", f"{address}?key=key_nobody&status=404", "Send one of key, status.")
    page("ambiguous", f"a range by slashes of {address}", f"{address}?period=custom&begin=01/02/2026&end=2026-02-03", "Write the day as in 2026-01-31")
for name in ("line2-description", "line250-description"):
    form("silence", f"an invoice with {name} beside line0", "/invoices/new/", {**DRAFT, name: "Lost"}, f"{name} is not.")
query("silence", "a status with a typing error", "/v1/invoices?status=opne", Refused("status"))
command("silence", "a scope with a typing error", "issue_key --company {company} --name worker --mode test --scopes customers:raed", "customers:raed")

# Words of other languages.
for text in ("İSTANBUL", "ışık", "{nb}", "हिन्दी", "\u200b", "＝1+1"):
    query("languages", f"a search for {text!a}", f"/v1/customers?search={quote(text)}", Taken({"object": "list"}, status=200))
api("languages", "a name of braces", "POST /v1/customers", {"name": "{nb}"}, Taken({"name": "{nb}"}))

# Commands read as forms do.
for text in ("a@[127.0.0.1]", "jörg@example.com", "nobody"):
    command("address", f"--owner-email {text!a}", f"create_company --name Acme --owner-email {text}", "--owner-email: This is not an email address.")
ISSUE_KEY = "issue_key --company {company} --name worker --mode test --scopes customers:read"
for text in ("１２", "1.0", "1e3", "1.000", "12,5"):
    command("ambiguous", f"--rate-limit {text}", f"{ISSUE_KEY} --rate-limit {text}", "Write a whole number, as in 1250.")
    command("ambiguous", f"--expires-in-days {text}", f"{ISSUE_KEY} --expires-in-days {text}", "Write a whole number, as in 1250.")
for text in ("2026-W53-4", "20260131", "２０２６-01-31", "2026-02-30"):
    command("ambiguous", f"--day {text}", f"verify_audit --day {text}", "day")
