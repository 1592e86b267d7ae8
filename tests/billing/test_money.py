"""Amounts and the decimal places of each currency. The arithmetic of invoices is in test_tax.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import MAX_AMOUNT
from core.tenancy import tenant_context
from core.values.currencies import CURRENCIES, EXPONENTS, decimal_text, money_text, parse_amount
from tests.billing.factories import make_invoice
from tests.factories import World


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1_999, "EUR", "€19.99"),
        (-5, "USD", "−$0.05"),
        (500, "JPY", "¥500"),
        (1_234_567, "KWD", "1,234.567\u00a0KWD"),
        (12_345, "CLF", "1.2345\u00a0CLF"),
        (100, "CHF", "1.00\u00a0CHF"),
        (-7, "KRW", "−7\u00a0KRW"),
    ],
)
def test_amounts_are_written_with_the_currencys_decimals(amount: int, currency: str, text: str) -> None:
    assert money_text(amount, currency) == text


def test_the_list_of_currencies_is_iso_4217s() -> None:
    # 2026: 156 national currencies and funds with a minor unit; metals and test codes (XAU, XTS, XXX) have none.
    assert {"EUR", "USD", "JPY", "KWD", "CLF", "XCG", "ZWG"} <= set(CURRENCIES)
    assert not {"XAU", "XTS", "XXX", "DEM", "HRK"} & set(CURRENCIES)
    assert {EXPONENTS[code] for code in CURRENCIES} == {0, 2, 3, 4}
    assert sum(exponent == 3 for exponent in EXPONENTS.values()) == 7
    assert all(len(code) == 3 and code.isupper() for code in CURRENCIES)


@given(st.integers(0, MAX_AMOUNT), st.sampled_from(CURRENCIES))
def test_every_formatted_number_can_be_parsed(amount: int, currency: str) -> None:
    assert parse_amount(decimal_text(amount, currency), currency) == amount


@pytest.mark.parametrize(
    ("text", "currency"),
    [("1.5", "JPY"), ("0.001", "EUR"), ("-1", "EUR"), ("1e3", "EUR"), ("", "EUR"), (".5", "EUR"), ("1.", "EUR"), ("١", "EUR")],
)  # fmt: skip
def test_invalid_amounts_are_refused(text: str, currency: str) -> None:
    with pytest.raises(ValueError):
        parse_amount(text, currency)


def test_the_largest_invoice_fits(world: World) -> None:
    lines = [{"description": "All of it", "quantity": 1, "unit_amount": MAX_AMOUNT}]
    invoice = make_invoice(world.tenant(), lines=lines, currency="JPY", finalize=True)
    with tenant_context(world.tenant()):
        invoice.refresh_from_db()
    assert (invoice.total, invoice.currency) == (999_999_999_999, "JPY")
