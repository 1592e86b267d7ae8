"""Which field names and numbers count as secrets in stored bodies."""

import pytest

from core.values.secret_fields import hide_card_numbers, is_secret_name


@pytest.mark.parametrize(
    "name",
    [
        "password", "Password", "new_password", "secret", "client_secret", "clientSecret", "SECRETS", "token", "access_token",
        "X-Auth-Token", "api_key", "x-api-key", "apiKeys", "authorization", "Proxy-Authorization", "cookie", "Set-Cookie",
        "card_number", "cardNumber", "cvc", "CVV", "cvv2", "security code", "pin", "otp", "private_key", "credentials",
        "headers", "x" * 201,
    ],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "name",
        "email",
        "number",
        "secret_ends_at",
        "tokens_used",
        "key",
        "client_id",
        "pinned",
        "author",
        "shipping",
        "",
    ],
)
def test_other_names(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("4242424242424242", "·"),
        ("4242 4242 4242 4242", "·"),
        ("card 5555-5555-5555-4444, thanks", "card ·, thanks"),
        ("378282246310005", "·"),
        # One digit off, a phone number, a moment in milliseconds, part of a longer number.
        ("4242424242424241", "4242424242424241"),
        ("+4242424242424242", "+4242424242424242"),
        ("1764500000000", "1764500000000"),
        ("00004242424242424242", "00004242424242424242"),
        ("no digits", "no digits"),
    ],
)
def test_card_numbers(text: str, shown: str) -> None:
    assert hide_card_numbers(text, "·") == shown
