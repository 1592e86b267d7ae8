"""Customers are found regardless of case, width and composition of their names, in every script."""

import unicodedata
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys.services import IssuedKey
from billing import selectors
from billing.search import fold, split_words
from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import World, make_customer

LETTERS = st.text(st.characters(categories=["L", "M", "N", "Zs"]), max_size=30)


@given(LETTERS)
def test_search_words_ignore_case_and_normalization_form(text: str) -> None:
    expected = split_words(text)
    assert split_words(text.casefold()) == expected
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert split_words(unicodedata.normalize(form, text)) == expected


@given(LETTERS)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("İstanbul", "istanbul"), ("istanbul", "İSTANBUL"), ("IŞIK", "ışık"), ("Işık", "IŞIK"), ("Diyarbakır", "DİYARBAKIR"),
        ("Straße", "STRASSE"), ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"), ("ＡＣＭＥ", "acme"), ("René", "rene\u0301"), ("ﬁnance", "FINANCE"),
        ("हिन्दी", "हिन्दी"), ("co\u00adoperate", "cooperate"), ("می\u200cخواهم", "میخواهم"), ("ǅ", "ǆ"),
    ],
)  # fmt: skip
def test_customer_is_found(world: World, written: str, asked: str) -> None:
    customer = make_customer(world.tenant(), name=f"{written} Ltd")
    with tenant_context(world.tenant()):
        assert [row.id for row in selectors.filter_customers(search=asked)] == [customer.id]


def test_word_in_hindi_is_one_word() -> None:
    assert split_words("हिन्दी भाषा") == {fold("हिन्दी"), fold("भाषा")}


@pytest.mark.parametrize(
    "spelling", ["jan@exämple.com", "JAN@EXÄMPLE.COM", "jan@xn--exmple-cua.com", "jan@exa\u0308mple.com"]
)
def test_international_email_domains_match_in_either_spelling(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], spelling: str
) -> None:
    client = api(issue_key(world.company, ["customers:read", "customers:write"]).client_secret)
    made = client.post("/v1/customers", {"name": "Jan", "email": "jan@exämple.com"}).json
    url = f"/v1/customers/{made['id']}"

    for parameter in ("email", "search"):
        found = client.get(f"/v1/customers?{parameter}={quote(spelling)}").json["data"]
        assert [row["id"] for row in found] == [made["id"]], parameter
    same = client.patch(url, {"email": spelling.lower()})

    assert same.json["email"] == made["email"] == "jan@xn--exmple-cua.com"
    with tenant_context(world.tenant()):
        assert not OutboxEvent.objects.filter(type="customer.updated").exists()
