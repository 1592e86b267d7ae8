"""Integers in request bodies: any JSON number without a fraction, in any notation.

To JSON Schema 2020-12 (validation, §6.1.1) `5.0` and `1e2` are integers; many languages and spreadsheets write them so.
"""

from collections.abc import Callable
from typing import Any

import pytest

from billing.models import Charge, InvoiceLine
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import World, make_customer

SCOPES = ("customers:read", "invoices:read", "invoices:write", "charges:read", "charges:write")


@pytest.fixture
def client(world: World, issue_key: Callable[..., Any], api: Callable[..., ApiClient]) -> ApiClient:
    return api(issue_key(world.company, scopes=SCOPES).client_secret)


def charge(client: ApiClient, amount: str) -> Any:
    """Create a charge of `amount`, inserted verbatim into the JSON text."""
    body = '{"amount": %s, "currency": "EUR", "payment_method": "card_success"}' % amount  # noqa: UP031
    return client.request("POST", "/v1/charges", raw=body.encode())


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("5", 5),
        ("5.0", 5),
        ("5.000", 5),
        ("1e2", 100),
        ("0.1e1", 1),
        ("12.50E2", 1250),
        ("999999999999.0", 999_999_999_999),
    ],
)
def test_integral_number_is_stored_as_an_integer(
    client: ApiClient, world: World, written: str, meant: int
) -> None:
    answer = charge(client, written)

    assert answer.status == 201, answer
    # A float would be returned as 5.0.
    assert f'"amount":{meant},'.encode() in answer.content
    with tenant_context(world.tenant()):
        assert Charge.objects.values_list("amount", flat=True).get() == meant


def test_numbers_in_invoice_lines_are_parsed_alike(client: ApiClient, world: World) -> None:
    customer = make_customer(world.tenant()).public_id
    line = '{"description": "x", "quantity": 2.0, "unit_amount": 1e3, "tax_rate_bps": -0.0}'
    body = '{"customer": "%s", "currency": "EUR", "lines": [%s]}' % (customer, line)  # noqa: UP031

    answer = client.request("POST", "/v1/invoices", raw=body.encode())

    assert (answer.status, answer.json["total"]) == (201, 2000), answer
    with tenant_context(world.tenant()):
        row = InvoiceLine.objects.values_list("quantity", "unit_amount", "tax_rate_bps").get()
    assert row == (2, 1000, 0)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("5.5", "wrong_type"),
        ("0.1", "wrong_type"),
        ("5e-324", "wrong_type"),
        # From 2^53 on, a double skips integers (…993.0 is parsed as …992.0), so the intended value is unknown.
        ("9007199254740993.0", "wrong_type"),
        ("9007199254740992.0", "wrong_type"),
        ("1e16", "wrong_type"),
        ("1e300", "wrong_type"),
        ("-9007199254740992.0", "wrong_type"),
        ("18446744073709551616", "wrong_type"),
        ("9007199254740991.0", "max_value"),
        ("0.0", "min_value"),
        ("-0.0", "min_value"),
        ("-5.0", "min_value"),
        ("true", "wrong_type"),
        ('"5"', "wrong_type"),
        ('"5.0"', "wrong_type"),
        ("[5]", "wrong_type"),
        ("{}", "wrong_type"),
    ],
)
def test_any_other_amount_is_refused_and_nothing_is_charged(
    client: ApiClient, world: World, written: str, code: str
) -> None:
    answer = charge(client, written)

    assert (answer.status, answer.code) == (400, "validation_failed"), answer
    assert [(field["field"], field["code"]) for field in answer.json["error"]["fields"]] == [("amount", code)]
    with tenant_context(world.tenant()):
        assert not Charge.objects.exists()


@pytest.mark.parametrize("written", ["1e400", "-1e400", "NaN", "Infinity", "5.", ".5", "05", "0x5"])
def test_nan_and_infinity_are_not_valid_json(client: ApiClient, world: World, written: str) -> None:
    answer = charge(client, written)

    assert (answer.status, answer.code) == (400, "invalid_request"), answer
    with tenant_context(world.tenant()):
        assert not Charge.objects.exists()
