"""The regular expressions of the OpenAPI document match exactly what the code behind them accepts."""

import ipaddress
import re
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from audit.selectors import RequestFilter, list_requests
from core.api import patterns
from core.api.errors import InvalidIdempotencyKey
from core.api.idempotency import read_key
from core.errors import FieldErrors
from core.tenancy import tenant_context
from core.values import ids
from core.values.countries import COUNTRIES
from core.values.currencies import EXPONENTS
from tests.factories import World
from webhooks.api.serializers import HeadersField
from webhooks.services.validation import clean_headers


def accepts(pattern: str, text: str) -> bool:
    """Return whether JSON Schema would accept `text`; where Python differs (`$` before a last newline) no test goes."""
    assert "\n" not in text
    return re.search(pattern, text) is not None


@given(st.text(alphabet='" ab\x7f~', max_size=6) | st.integers(250, 260).map(lambda length: "k" * length))
def test_idempotency_key_pattern_agrees_with_the_reader(text: str) -> None:
    text = text.strip(" ")  # as HTTP does (RFC 9110 §5.5)
    try:
        accepted = read_key(RequestFactory().post("/", headers={"Idempotency-Key": text})) is not None
    except InvalidIdempotencyKey:
        accepted = False
    assert accepts(patterns.IDEMPOTENCY_KEY, text) == accepted


@pytest.mark.parametrize("length", [1, 2, 254, 255, 256])
def test_quotes_do_not_count_towards_the_length_of_an_idempotency_key(length: int) -> None:
    text = '"' + "k" * length + '"'
    assert accepts(patterns.IDEMPOTENCY_KEY, text) == (length <= 255)


@given(st.uuids())
def test_identifier_pattern_accepts_every_identifier(value: Any) -> None:
    assert accepts(patterns.id_pattern("cus"), ids.encode("cus", value))


def is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


@given(
    st.ip_addresses().map(str)
    | st.ip_addresses(v=6).map(lambda address: address.exploded)
    | st.tuples(st.ip_addresses(v=4), st.integers(0, 40)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    | st.tuples(st.ip_addresses(v=6), st.integers(0, 140)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    | st.lists(st.sampled_from(["", "0", "1", "ff", "abcd", "12345", "g"]), min_size=2, max_size=10).map(
        ":".join
    )
    | st.lists(st.sampled_from(["", "0", "01", "1", "255", "256"]), min_size=3, max_size=5).map(".".join)
)
def test_address_pattern_agrees_with_the_reader(text: str) -> None:
    assert accepts(patterns.ADDRESS_OR_NETWORK, text) == is_network(text)


@given(st.from_regex(patterns.ADDRESS_OR_NETWORK, fullmatch=True))
def test_every_text_of_the_pattern_is_an_address_or_network(text: str) -> None:
    assert is_network(text)


@pytest.mark.parametrize(
    "text", ["200", "404", "4xx", "5XX", "1xX", "600", "0xx", "40", "4x4", "4000", "4xx ", "４04"]
)
def test_status_pattern_agrees_with_the_filter(world: World, text: str) -> None:
    with tenant_context(world.tenant()):
        try:
            list_requests(RequestFilter(status=text))
            accepted = True
        except FieldErrors:
            accepted = False
    assert accepts(patterns.STATUS_OR_CLASS, text) == accepted


def test_any_of_matches_exactly_the_listed_words() -> None:
    currency = patterns.any_of(*sorted(EXPONENTS))
    assert all(accepts(currency, code) for code in EXPONENTS)
    assert not any(accepts(currency, code) for code in ("", "eur", "EU", "EURO", "XXX", "XEURX"))
    assert accepts(patterns.any_of(*COUNTRIES), "DE")


@given(
    st.sampled_from(
        [
            "Host",
            "hOST",
            "X-Host",
            "hosts",
            "Webhook-Id",
            "webhook",
            "sec-fetch",
            "SEC-",
            "x-forwarded-for",
            "Date",
            "X-Date",
        ]
    )
    | st.text(alphabet="aZ0-_ :\u00e9", max_size=4)
    | st.integers(99, 101).map(lambda length: "x" * length)
)
def test_the_name_of_a_header_of_one_s_own(name: str) -> None:
    rules = HeadersField.json_schema["propertyNames"]
    try:
        clean_headers({name: "x"}, stored={})
        accepted = True
    except FieldErrors:
        accepted = False
    assert (accepts(rules["pattern"], name) and not accepts(rules["not"]["pattern"], name)) == accepted
