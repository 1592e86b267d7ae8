"""Email addresses: formatted ones are parsed back, and all parts of the product validate them alike."""

from email.utils import formataddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.services.customer_fields import clean_customer_fields
from core.errors import FieldErrors
from core.values.email_addresses import InvalidEmail, Mailbox, is_misleading, parse_email, parse_mailbox
from core.values.texts import clean_name, has_controls, is_visible, normalize
from messaging.channels import get_channel
from messaging.channels.base import InvalidAddress

NAMES = (
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=200)
    .map(lambda text: normalize(text).strip())
    .filter(lambda text: len(text) <= 200 and (not text or is_visible(text)))
)
ODD = st.text(alphabet="aZ0.@-_+\"<>[]()\\ ,;:é\u200b\u3002\t١", max_size=20) | st.sampled_from(["Ada@Example.COM", "jan@exämple.com", "a@b.c.d.co.uk", "a@bücher.example", "a@xn--bcher-kva.example", "\"a b\"@example.com"]) | st.ip_addresses().map(lambda ip: f"a@{ip}")  # fmt: skip


@given(NAMES)
def test_formatted_mailbox_is_parsed_back(name: str) -> None:
    assert parse_mailbox(str(Mailbox("ada@example.com", name))) == Mailbox("ada@example.com", name)


@given(NAMES.filter(lambda name: not has_controls(name)))
def test_mailboxes_formatted_by_python_are_parsed(name: str) -> None:
    assert parse_mailbox(formataddr((name, "ada@example.com"))) == Mailbox("ada@example.com", name)


@given(ODD)
def test_normalizing_an_address_is_idempotent(text: str) -> None:
    try:
        address = parse_email(text)
    except InvalidEmail:
        return
    assert parse_email(address) == address
    assert address.isascii()


@given(ODD)
def test_customers_and_recipients_validate_addresses_alike(text: str) -> None:
    if not text or "<" in text:  # nothing, and a name with an address, are for the one or the other only
        return
    try:
        customer = clean_customer_fields({"email": text})["email"]
    except FieldErrors:
        customer = None
    try:
        recipient = get_channel("email").parse(text).address
    except InvalidAddress:
        recipient = None
    assert customer == recipient


@given(st.text())
def test_cleaning_a_name_is_idempotent(text: str) -> None:
    try:
        name = clean_name(text, longest=1_000)
    except ValueError:
        return
    assert clean_name(name, longest=1_000) == name
    assert is_visible(name)


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\u00ad\u2060", "\u3164", "\u115f", "\u2800", "\ufe0f", "\u202e", "\U000e0020"])  # fmt: skip
def test_text_without_visible_characters_is_invisible(text: str) -> None:
    assert not is_visible(text)


@pytest.mark.parametrize("text", ["a", "李", "🙂", "👩\u200d💻", "\u0301", "١", "क\u094d\u200dष"])
def test_text_with_visible_characters_is_visible(text: str) -> None:
    assert is_visible(text)


@pytest.mark.parametrize(
    "name",
    [
        "security@bank.example", "Bank <security@bank.example>", "security @ bank.example", "security＠bank.example", "a\u200b@bank",
        "https://bank.example", "see www.bank.example", "bank.example/login", "bank.example", "BANK．example", "mail.bank.example",
        "bank\u2060.example", "bank.eхample", "notshop.example",
    ],
)  # fmt: skip
def test_name_that_looks_like_an_address_is_detected(name: str) -> None:
    assert is_misleading(name, address="x@shop.example")


@pytest.mark.parametrize(
    "name",
    [
        "", "Ada", "Ada @ Home", "@ada", "Dr. Ada Lovelace, M.Sc.", "St.Gallen Tourismus", "shop.example", "Shop.example", "eu.shop.example",
        "A/B Tests", "Order 7/2030", "O'Neil (CEO)", "Version 2.0", "Acme Inc.", "李小龍",
    ],
)  # fmt: skip
def test_ordinary_name_is_not_mistaken_for_an_address(name: str) -> None:
    assert not is_misleading(name, address="x@shop.example")
