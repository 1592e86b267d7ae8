"""Numbers entered by users are parsed in the page's format or refused, and formatted numbers are parsed back."""

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from billing.dashboard.forms.base import amount_text, percent_text, read_amount, read_percent
from core.values.currencies import CURRENCIES, EXPONENTS
from core.values.numbers import AmbiguousNumber, NotANumber, NumberStyle, parse_decimal, write_decimal

LANGUAGES = ["en", "de", "fr", "de-ch", "pl", "nb", "pt-br", "es", "ru"]
STYLES = [NumberStyle(".", ","), NumberStyle(",", "."), NumberStyle(",", "\u00a0")]


@given(st.integers(0, 10**15), st.integers(0, 4), st.sampled_from(STYLES))
def test_every_formatted_amount_can_be_parsed(number: int, decimals: int, style: NumberStyle) -> None:
    assert (
        parse_decimal(write_decimal(number, decimals=decimals, style=style), decimals=decimals, style=style)
        == number
    )


@given(st.integers(0, 10**15), st.integers(0, 4), st.sampled_from(STYLES), st.sampled_from(STYLES))
def test_no_formatted_number_is_parsed_differently_in_another_language(
    number: int, decimals: int, written: NumberStyle, read: NumberStyle
) -> None:
    text = write_decimal(number, decimals=decimals, style=written)
    try:
        found = parse_decimal(text, decimals=decimals, style=read)
    except NotANumber:
        return
    assert found == number


@given(st.integers(0, 10**12), st.sampled_from(CURRENCIES), st.sampled_from(LANGUAGES))
def test_form_parses_its_initial_amount(amount: int, currency: str, language: str) -> None:
    with translation.override(language):
        assert read_amount(amount_text(amount, currency), currency) == amount


@given(st.integers(0, 10_000), st.sampled_from(LANGUAGES))
def test_form_parses_its_initial_tax_rate(bps: int, language: str) -> None:
    with translation.override(language):
        assert read_percent(percent_text(bps)) == bps


@pytest.mark.parametrize(
    ("text", "decimals", "number"),
    [
        ("12.50", 2, 1250), ("1,250", 2, 125_000), ("1,250.00", 2, 125_000), ("1250", 0, 1250), ("12.5", 3, 12_500),
        ("12,500", 0, 12_500), ("12,500.000", 3, 12_500_000), (" 7.7 ", 2, 770), ("007", 0, 7), ("1,000,000", 3, 10**9),
    ],
)  # fmt: skip
def test_numbers_are_parsed_in_the_pages_language(text: str, decimals: int, number: int) -> None:
    assert parse_decimal(text, decimals=decimals) == number


@pytest.mark.parametrize(
    ("text", "decimals"),
    [
        ("12,50", 2), ("12,500", 3), ("1.250,00", 2), ("1 250.00", 2), ("1'250.00", 2), ("12.500", 2), ("7,7", 2),
        ("1,25,000", 2), ("0,500", 2), ("1.000", 0), ("1,2345", 4), ("1\u00a0250", 2), ("12,5", 0),
    ],
)  # fmt: skip
def test_ambiguous_numbers_are_refused(text: str, decimals: int) -> None:
    with pytest.raises(AmbiguousNumber):
        parse_decimal(text, decimals=decimals)


@pytest.mark.parametrize(
    "text", ["", " ", "１２", "١٢", "²", "1e3", "-1", "+1", "0x10", "1_000", "NaN", "inf", "12 EUR"]
)
def test_invalid_numbers_are_refused(text: str) -> None:
    with pytest.raises(NotANumber):
        parse_decimal(text, decimals=2)


def test_every_currency_has_decimals_of_at_most_four_digits() -> None:
    assert set(EXPONENTS.values()) <= set(range(5))
