"""Lists, days, moments, numbers and choices, as people type them and as programs send them: one idea of which of them are valid.

Each pair below is the same value written twice, once for the form and once for the API. Both doors take it, and keep the same of
it, or both refuse it. What only the one can write (blanks around a day, a zone that the label says) has no pair.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apikeys.models import ApiKey
from billing.models import Charge, CreditNote, Customer, Invoice, OffPlatformPayment, Refund, Seller
from billing.models.charges import RefundReason
from billing.models.credit_notes import CreditNoteReason
from billing.models.payments import PaymentMethod
from core import clock
from core.tenancy import Tenant
from messaging.models import Message
from tests.billing.factories import make_invoice, make_settled_charge
from tests.contracts.test_forms_and_api import (
    INVOICE_BODY,
    INVOICE_FORM,
    MESSAGE_BODY,
    MESSAGE_FORM,
    Doors,
    Json,
    doors,
)
from webhooks.models import Endpoint
from webhooks.representations import endpoint as represent_endpoint

__all__ = ["doors"]

# What is sent to the form, and the same for the API.
Pair = tuple[Json, Json]


@dataclass(frozen=True)
class Twins:
    """A value at both doors: what is sent beside it, and the ways to write it."""

    page: str
    path: str
    model: type[Any]
    form_base: Json
    api_base: Json
    pairs: list[Pair]
    kept_as: Callable[[Any], Any]
    method: str = "POST"
    taken: int = 302
    # What has to be there before, for each pair anew: `@id` in the paths and in the body.
    given: Callable[[Tenant], str] | None = None


def _texts(form: str, *path: str, values: list[tuple[str, Any]]) -> list[Pair]:
    """Pairs of one field of the form and one, perhaps within another, of the body."""
    return [({form: typed}, _nested(path, sent)) for typed, sent in values]


def _nested(path: tuple[str, ...], value: Any) -> Json:
    return {path[0]: value if len(path) == 1 else _nested(path[1:], value)}


def _line(field_name: str, values: list[tuple[str, Json]]) -> list[Pair]:
    [line] = INVOICE_BODY["lines"]
    return [({f"line0-{field_name}": typed}, {"lines": [{**line, **sent}]}) for typed, sent in values]


def _rfc3339(days: float) -> str:
    return clock.rfc3339(clock.now().replace(microsecond=0) + timedelta(days=days))


METADATA = _texts(
    "metadata", "metadata",
    values=[
        ("", {}), ("a=b", {"a": "b"}), ("a=", {"a": ""}), ("a=b=c", {"a": "b=c"}), ("=b", {"": "b"}), ("a=b\nc=d", {"a": "b", "c": "d"}),
        ("x" * 40 + "=1", {"x" * 40: "1"}), ("x" * 41 + "=1", {"x" * 41: "1"}), ("a=" + "x" * 500, {"a": "x" * 500}),
        ("a=" + "x" * 501, {"a": "x" * 501}), ("a=\x00", {"a": "\x00"}), ("\x00=a", {"\x00": "a"}), ("é=1\ne\u0301=2", {"é": "1", "e\u0301": "2"}),
        ("\n".join(f"n{n}=1" for n in range(50)), {f"n{n}": "1" for n in range(50)}),
        ("\n".join(f"n{n}=1" for n in range(51)), {f"n{n}": "1" for n in range(51)}),
        ("a=a\tb", {"a": "a\tb"}), ("a\tb=c", {"a\tb": "c"}), ("a=x\u2028b", {"a": "x\u2028b"}), ("a\u0085c=b", {"a\u0085c": "b"}),
        ("\u200b=1", {"\u200b": "1"}), ("a=\u200b", {"a": "\u200b"}),
    ],
)  # fmt: skip
TAX_IDS = _texts(
    "tax_ids", "tax_ids",
    values=[
        ("", []), ("eu_vat DE136695976", [{"type": "eu_vat", "value": "DE136695976"}]),
        ("eu_vat de 136 695 976", [{"type": "eu_vat", "value": "de 136 695 976"}]), ("eu_vat DE136695977", [{"type": "eu_vat", "value": "DE136695977"}]),
        ("eu_vat DE136695976\neu_vat DE 136695976", [{"type": "eu_vat", "value": "DE136695976"}, {"type": "eu_vat", "value": "DE 136695976"}]),
        ("eu_vat", [{"type": "eu_vat", "value": ""}]), ("eu_vat " + "1" * 41, [{"type": "eu_vat", "value": "1" * 41}]),
        ("eu_vat ＤＥ136695976", [{"type": "eu_vat", "value": "ＤＥ136695976"}]), ("eu_vat DE136695976\x00", [{"type": "eu_vat", "value": "DE136695976\x00"}]),
        ("\n".join(["eu_vat DE136695976"] * 11), [{"type": "eu_vat", "value": "DE136695976"}] * 11),
    ],
)  # fmt: skip
DAYS: list[tuple[str, Any]] = [
    (day, day)
    for day in (
        "2026-01-31", "2024-02-29", "2026-02-29", "2026-02-30", "2026-1-31", "31.01.2026", "2026-01-31T00:00:00Z", "20260131", "2026-W53-4",
        "２０２６-01-31", "2026-031", "1999-12-31", "2000-01-01", "2199-12-31", "2200-01-01", "0000-01-01", "tomorrow", "2026-01-31\x00",
    )
]  # fmt: skip
# Euros and cents as typed on a page in English, and in minor units.
AMOUNTS: list[tuple[str, Any]] = [
    ("12.50", 1250), ("0.01", 1), ("1,250.00", 125_000), ("9999999999.99", 999_999_999_999), ("10000000000.00", 1_000_000_000_000),
    ("-1.00", -100), ("1.005", 100.5), ("１.00", "1.00"), ("1e3", "1e3"), ("NaN", "NaN"), ("Infinity", "Infinity"), ("0x10", "0x10"), ("1.00\x00", "1\x00"),
]  # fmt: skip
PERCENTS: list[tuple[str, int | float | str]] = [
    ("10 %", 1000), ("10%", 1000), ("7.7 %", 770), ("0 %", 0), ("100 %", 10_000), ("100.01 %", 10_001), ("-1 %", -100), ("0.001 %", 0.1), ("x %", "x"),
]  # fmt: skip


def _addresses(name: str) -> list[Pair]:
    many = [f"a{n}@example.com" for n in range(101)]
    return _texts(
        name, name,
        values=[
            ("", []), ("a@example.com", ["a@example.com"]), ("a@example.com, b@example.com", ["a@example.com", "b@example.com"]),
            ("a@example.com\na@example.com", ["a@example.com", "a@example.com"]), ("a@example.com, A@EXAMPLE.com", ["a@example.com", "A@EXAMPLE.com"]),
            ('"Lovelace, Ada" <a@example.com>', ['"Lovelace, Ada" <a@example.com>']), ("a@example.com, nobody", ["a@example.com", "nobody"]),
            ('"b@example.com" <a@example.com>', ['"b@example.com" <a@example.com>']), ("Ada\x00 <a@example.com>", ["Ada\x00 <a@example.com>"]),
            ("\n".join(many[:10]), many[:10]), ("\n".join(many[:11]), many[:11]), ("\n".join(many[:99]), many[:99]), ("\n".join(many), many),
            ("x" * 601 + "@example.com", ["x" * 601 + "@example.com"]), ("x" * 590 + " <a@example.com>", ["x" * 590 + " <a@example.com>"]),
        ],
    )  # fmt: skip


def _recipients(row: Any) -> Any:
    return sorted((each.kind, each.address, each.name) for each in row.recipients.all())


def _message(pairs: list[Pair], kept_as: Callable[[Any], Any]) -> Twins:
    return Twins("/messages/new/", "/v1/messages", Message, MESSAGE_FORM, MESSAGE_BODY, pairs, kept_as)


def _invoice(pairs: list[Pair], kept_as: Callable[[Any], Any]) -> Twins:
    return Twins("/invoices/new/", "/v1/invoices", Invoice, INVOICE_FORM, INVOICE_BODY, pairs, kept_as)


def _of_line(*names: str) -> Callable[[Any], Any]:
    return lambda row: [getattr(row.lines.get(), name) for name in names]


def _customer(pairs: list[Pair], kept_as: Callable[[Any], Any]) -> Twins:
    return Twins(
        "/customers/new/", "/v1/customers", Customer, {"name": "Ada"}, {"name": "Ada"}, pairs, kept_as
    )


def _seller(pairs: list[Pair], kept_as: Callable[[Any], Any]) -> Twins:
    base = {"language": "en"}
    return Twins("/invoicing/edit/", "/v1/seller", Seller, base, base, pairs, kept_as, method="PATCH")


def _endpoint(pairs: list[Pair], kept_as: Callable[[Any], Any]) -> Twins:
    return Twins(
        "/webhooks/create/", "/v1/webhook_endpoints", Endpoint,
        {"url": "https://example.com/hook", "events": "*"}, {"url": "https://example.com/hook", "events": ["*"]},
        pairs, kept_as, taken=200,
    )  # fmt: skip


def _charge(pairs: list[Pair], kept_as: Callable[[Any], Any]) -> Twins:
    form = {"amount": "10.00", "currency": "EUR", "payment_method": "card_success"}
    return Twins("/charges/new/", "/v1/charges", Charge, form, {**form, "amount": 1000}, pairs, kept_as)


def _open_invoice(tenant: Tenant) -> str:
    """An invoice over 1,250 euros without tax."""
    return make_invoice(
        tenant, finalize=True, lines=[{"description": "Work", "quantity": 1, "unit_amount": 125_000}]
    ).public_id


def _payment(pairs: list[Pair], kept_as: Callable[[Any], Any]) -> Twins:
    form = {"method": "cash", "amount": "0.01"}
    return Twins(
        "/invoices/@id/payments/new/",
        "/v1/invoices/@id/payments",
        OffPlatformPayment,
        form,
        {**form, "amount": 1},
        pairs,
        kept_as,
        given=_open_invoice,
    )


def _credit(pairs: list[Pair], kept_as: Callable[[Any], Any]) -> Twins:
    return Twins(
        "/invoices/@id/credit/",
        "/v1/credit_notes",
        CreditNote,
        {"line0": "0.01"},
        {"invoice": "@id", "amount": 1},
        pairs,
        kept_as,
        given=_open_invoice,
    )


def _charge_of_50(tenant: Tenant) -> str:
    return make_settled_charge(tenant).public_id


TWINS = {
    "customer.metadata": _customer(METADATA, lambda row: row.metadata),
    "customer.tax_ids": _customer(TAX_IDS, lambda row: row.tax_ids),
    "customer.tax_exempt": _customer(
        _texts("tax_exempt", "tax_exempt", values=[(v, v) for v in ("none", "exempt", "reverse", "Exempt", "all", "\x00")]),
        lambda row: row.tax_exempt,
    ),
    "customer.preferred_language": _customer(
        _texts("preferred_language", "preferred_language", values=[("", None), *((v, v) for v in ("en", "de", "DE", "xx", "\x00"))]),
        lambda row: row.preferred_language,
    ),
    "invoice.metadata": _invoice(METADATA, lambda row: row.metadata),
    "invoice.due_date": _invoice(_texts("due_date", "due_date", values=[("", None), *DAYS]), lambda row: row.due_date),
    "invoice.service_period": _invoice(
        [
            ({"service_start": start, "service_end": end}, {"service_period": {k: v for k, v in (("start", start), ("end", end)) if v} or None})
            for start, end in [("", ""), ("2026-01-01", "2026-01-31"), ("2026-01-31", "2026-01-01"), ("2026-01-01", ""), ("", "2026-01-31"), ("1999-01-01", "2026-01-31"), ("2026-01-01", "x")]
        ],
        lambda row: (row.service_start, row.service_end),
    ),
    "invoice.currency": _invoice(
        [
            ({"currency": v, "line0-unit_price": "0"}, {"currency": v, "lines": [{"description": "Work", "quantity": 1, "unit_amount": 0}]})
            for v in ("EUR", "JPY", "KWD", "eur", "XXX", "", "ＥＵＲ", "EUR\x00")
        ],
        lambda row: row.currency,
    ),
    "invoice.prices_include_tax": _invoice(
        [({}, {"prices_include_tax": False}), ({"prices_include_tax": "on"}, {"prices_include_tax": True})], lambda row: row.prices_include_tax
    ),
    "invoice.discount": _invoice(
        [
            ({"discount": ""}, {}),
            *(({"discount": typed}, {"discount_bps": sent}) for typed, sent in PERCENTS),
            *(({"discount": typed}, {"discount_amount": sent}) for typed, sent in [*AMOUNTS, ("10.00", 1000), ("10.01", 1001)]),
        ],
        lambda row: (row.discount_bps, row.discount_amount, row.total),
    ),
    "line.quantity": _invoice(
        _line("quantity", [
            (typed, {"quantity": sent})
            for typed, sent in [
                ("1", 1), ("1.5", 1.5), ("0", 0), ("-1", -1), ("0.000001", 0.000001), ("0.0000001", 0.0000001), ("1000000", 1_000_000),
                ("1000001", 1_000_001), ("1,000", 1000), ("１", "1"), ("1e3", "1e3"), ("NaN", "NaN"), ("x", "x"), ("1\x00", "1\x00"),
            ]
        ]),
        _of_line("quantity", "amount"),
    ),
    "line.unit_price": _invoice(
        _line("unit_price", [(typed, {"unit_amount": sent}) for typed, sent in [("0", 0), *AMOUNTS]]), _of_line("unit_amount", "amount")
    ),
    "line.discount": _invoice(
        _line("discount", [
            ("", {}),
            *((typed, {"discount_bps": sent}) for typed, sent in PERCENTS),
            *((typed, {"discount_amount": sent}) for typed, sent in [*AMOUNTS, ("10.00", 1000), ("10.01", 1001)]),
        ]),
        _of_line("discount_bps", "discount_amount", "amount"),
    ),
    "line.tax_rate": _invoice(_line("tax_rate", [("", {}), *((typed, {"tax_rate_bps": sent}) for typed, sent in PERCENTS)]), _of_line("tax_rate_bps", "tax")),
    "seller.tax_ids": _seller(TAX_IDS, lambda row: row.tax_ids),
    "seller.language": _seller(_texts("language", "language", values=[(v, v) for v in ("en", "de", "", "xx", "DE")]), lambda row: row.language),
    "charge.amount": _charge(_texts("amount", "amount", values=[("0", 0), *AMOUNTS]), lambda row: row.amount),
    "charge.currency": _charge(
        [
            ({"currency": currency, "amount": typed}, {"currency": currency, "amount": sent})
            for currency, typed, sent in [("JPY", "10", 10), ("JPY", "10.5", 10.5), ("KWD", "10.500", 10_500), ("XXX", "1", 1), ("eur", "1", 100), ("", "1", 100)]
        ],
        lambda row: (row.currency, row.amount),
    ),
    "charge.payment_method": _charge(
        _texts("payment_method", "payment_method", values=[(v, v) for v in ("card_success", "card_declined", "card", "", "Card_success", "\x00", "x" * 65)]),
        lambda row: row.payment_method,
    ),
    "charge.metadata": _charge(METADATA, lambda row: row.metadata),
    "refund.amount": Twins(
        "/charges/@id/refund/", "/v1/charges/@id/refunds", Refund, {}, {},
        _texts("amount", "amount", values=[("", None), ("0", 0), ("50.00", 5000), ("50.01", 5001), *AMOUNTS]), lambda row: row.amount, given=_charge_of_50,
    ),
    "refund.reason": Twins(
        "/charges/@id/refund/", "/v1/charges/@id/refunds", Refund, {"amount": "1.00"}, {"amount": 100},
        _texts("reason", "reason", values=[("", None), *((v, v) for v in (*RefundReason.values, "duplicte", "Duplicate", "\x00"))]), lambda row: row.reason, given=_charge_of_50,
    ),
    "payment.amount": _payment(_texts("amount", "amount", values=[("", None), ("0", 0), ("1250.01", 125_001), *AMOUNTS]), lambda row: row.amount),
    "payment.method": _payment(
        _texts("method", "method", values=[*((v, v) for v in (*PaymentMethod.values, "", "Cash", "bank_transfr", "\x00"))]), lambda row: row.method
    ),
    "payment.paid_at": _payment(
        _texts("paid_at", "paid_at", values=[("", None), *((typed, f"{sent}T00:00:00Z") for typed, sent in DAYS)]),
        lambda row: (row.paid_at if row.paid_at.time() == time() else "now"),
    ),
    "credit_note.amount": _credit(_texts("line0", "amount", values=[("0", 0), ("1250.01", 125_001), *AMOUNTS]), lambda row: (row.total, row.pre_payment_amount)),
    "credit_note.reason": _credit(
        _texts("reason", "reason", values=[("", None), *((v, v) for v in (*CreditNoteReason.values, "duplicte", "\x00"))]), lambda row: row.reason
    ),
    "message.to": _message(_addresses("to"), _recipients),
    "message.cc": _message(_addresses("cc"), _recipients),
    "message.bcc": _message(_addresses("bcc"), _recipients),
    "message.reply_to": _message(_addresses("reply_to"), lambda row: row.reply_to),
    "message.tags": _message(
        _texts("tags", "tags", values=[
            ("", []), ("a", ["a"]), ("a b", ["a", "b"]), ("a a", ["a", "a"]), ("x" * 50, ["x" * 50]), ("x" * 51, ["x" * 51]), ("ä", ["ä"]), ("a!b", ["a!b"]),
            (" ".join("abcdefghij"), [*"abcdefghij"]), (" ".join("abcdefghijk"), [*"abcdefghijk"]), ("a\x00", ["a\x00"]),
        ]),
        lambda row: row.tags,
    ),
    "message.bulk": _message(
        [({"topic": ""}, {}), *(({"topic": t}, {"bulk": {"topic": t}}) for t in ("news", "News", "a b", "ä", "x" * 50, "x" * 51, "x" * 101, "-", "news\x00", "0", "spring-2026"))],
        lambda row: row.topic,
    ),
    "message.send_at": _message(
        _texts("send_at", "send_at", values=[
            *((v, v) for v in (_rfc3339(1), _rfc3339(29), _rfc3339(31), _rfc3339(-1), "2026-02-30T12:00:00Z", "tomorrow", "2026-W53-4", "2026-01-31", "9999-12-31T23:59:59-01:00", "２０２６-01-31T12:00:00Z")),
        ]),
        lambda row: row.send_at,
    ),
    "message.customer": _message(
        _texts("customer", "customer", values=[("", None), ("@customer", "@customer"), ("cus_nobody", "cus_nobody"), ("x", "x"), ("\x00", "\x00"), ("x" * 101, "x" * 101)]),
        lambda row: row.customer_id is not None,
    ),
    "endpoint.events": _endpoint(
        [
            ({"events": events}, {"events": events})
            for events in (["*"], ["customer.*"], ["customer.created", "invoice.*"], ["customer.created", "*"], ["nothing.*"], ["customer"], [], ["*", "*"], ["customer.created\x00"])
        ],
        lambda row: row.events,
    ),
    "endpoint.headers": _endpoint(
        _texts("headers", "headers", values=[
            ("", {}), ("X-A: b", {"X-A": "b"}), ("X-A:", {"X-A": ""}), ("X-A: b\nx-a: c", {"X-A": "b", "x-a": "c"}), ("Host: x", {"Host": "x"}), ("webhook-id: 1", {"webhook-id": "1"}),
            ("X A: b", {"X A": "b"}), ("X-A: ä", {"X-A": "ä"}), ("X-A: " + "x" * 1000, {"X-A": "x" * 1000}), ("X-A: " + "x" * 1001, {"X-A": "x" * 1001}),
            ("\n".join(f"X-{n}: 1" for n in range(10)), {f"X-{n}": "1" for n in range(10)}), ("\n".join(f"X-{n}: 1" for n in range(11)), {f"X-{n}": "1" for n in range(11)}),
            ("X-A: [hidden]", {"X-A": "[hidden]"}), (": b", {"": "b"}), ("X-A: a\x00", {"X-A": "a\x00"}), ("X" * 101 + ": b", {"X" * 101: "b"}), ("X-A: a\tb", {"X-A": "a\tb"}),
            ("X-A: a\u2028b", {"X-A": "a\u2028b"}), ("X-A: a\u0085b: c", {"X-A": "a\u0085b: c"}),
        ]),
        lambda row: sorted(_opened(row)),
    ),
}  # fmt: skip


def _opened(row: Endpoint) -> list[str]:
    return [*represent_endpoint(row)["headers"]]


@pytest.mark.parametrize("name", TWINS)
def test_the_api_and_the_form_accept_and_store_the_same(doors: Doors, name: str) -> None:
    twins = TWINS[name]
    differences, accepted = [], 0

    for typed, sent in twins.pairs:
        ids = doors.make(twins.given)
        page = doors.at_page(twins.page, {**twins.form_base, **typed, "form_token": doors.token()}, ids[0])
        answer = doors.at_api(twins.method, twins.path, {**twins.api_base, **sent}, ids[1])
        assert answer.status < 500, answer
        taken = (page == twins.taken, answer.status in (200, 201))
        shown = (str(typed)[:60], page, answer.status, answer.content[:200])
        if taken[0] != taken[1]:
            differences.append(shown)
        elif all(taken):
            accepted += 1
            kept = doors.kept(twins.model, twins.kept_as)
            if kept[0] != kept[1]:
                differences.append((*shown, *kept))

    assert differences == []
    assert accepted


# --- keys have no door in the API: the command is the other one -----------------------------------------------------------

KEY_VALUES = {
    "allowed_networks": (
        "--allowed-ips",
        [
            "", "203.0.113.7", "203.0.113.0/24", "203.0.113.7/24", "300.1.1.1", "::/0", "0.0.0.0/0", "2001:db8::/32", "2001:DB8::1", "fe80::1%eth0", "::ffff:203.0.113.7",
            "203.0.113.7/33", "203.0.113.07", "localhost", "203.0.113.0/255.255.255.0", "２０３.0.113.7", "x" * 50,
        ],
    ),
    "allowed_origins": (
        "--allowed-origins",
        [
            "https://app.example.com", "https://*.example.com", "https://APP.example.com", "https://app.example.com/", "https://app.example.com/x", "http://app.example.com",
            "http://localhost:3000", "https://app.example.com:443", "https://app.example.com:8443", "null", "file://", "https://user@app.example.com", "https://*", "https://bücher.example",
            "javascript:alert(1)", "https://app.example.com?x", "app.example.com", "x" * 300,
        ],
    ),
    "rate_limit": ("--rate-limit", ["1", "60", "0", "-1", "1.5", "1e3", "１２", "x", "100000000"]),
    "name": ("--name", ["integration", "\u200b", "a\tb", "x" * 101, "x" * 201, "Basic Consulting", "e\u0301", "a\x00"]),
}  # fmt: skip


@pytest.mark.parametrize("name", KEY_VALUES)
def test_the_form_of_keys_and_the_command_take_and_keep_the_same(doors: Doors, name: str) -> None:
    option, values = KEY_VALUES[name]
    world = doors.world
    base = {
        "name": "key",
        "kind": "server",
        "scopes": ["customers:read"],
        "expiry": "never",
        "rate_limit": "60",
    }
    if name == "allowed_origins":
        base["kind"] = "browser"
    differences, accepted = [], 0

    for value in values:
        page = doors.browser.post("/keys/new/", {**base, name: value})
        arguments = {"--company": world.other_company.slug, "--name": "key", "--mode": "live", "--scopes": "customers:read", "--rate-limit": "60", option: value}  # fmt: skip
        try:
            call_command("issue_key", *(f"{each}={text}" for each, text in arguments.items()))
            by_command = True
        except (CommandError, SystemExit):
            by_command = False
        taken = (page.status_code == 200, by_command)
        if taken[0] != taken[1]:
            differences.append((value[:40], page.status_code, by_command))
        elif by_command:
            accepted += 1
            kept = doors.kept(ApiKey, lambda row: getattr(row, name))
            if kept[0] != kept[1]:
                differences.append((value[:40], *kept))

    assert differences == []
    assert accepted
