"""Which field names and numbers count as secrets in stored bodies."""

import pytest

from core.values.secret_fields import hide_card_numbers, hide_parameters, is_secret_name


@pytest.mark.parametrize(
    "name",
    [
        "password", "Password", "new_password", "secret", "client_secret", "clientSecret", "SECRETS", "token", "access_token",
        "X-Auth-Token", "api_key", "x-api-key", "apiKeys", "authorization", "Proxy-Authorization", "cookie", "Set-Cookie",
        "card_number", "cardNumber", "cvc", "CVV", "cvv2", "security code", "pin", "otp", "private_key", "credentials",
        "headers", "x" * 201, "password1", "new_password2", "password_confirmation", "pwd", "passcode", "verification_code",
        "headers.X", "headers[X]", "user.password",
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
        # Before and behind other numbers, at the end of a sentence, separated in other ways.
        ("4242 4242 4242 4242 12/27", "· 12/27"),
        ("4242424242424242 123", "· 123"),
        ("12 4242424242424242, 5555555555554444 99", "12 ·, · 99"),
        ("My card is 4242424242424242.", "My card is ·."),
        ("4242.4242.4242.4242", "·"),
        ("4242\u00a04242\u00a04242\u00a04242", "·"),
        ("4242\u20134242\u20134242\u20134242", "·"),
        ("4242 - 4242 - 4242 - 4242", "·"),
        ("4242  4242\t4242_4242", "·"),
        ("4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2", "·"),
        # An amount, digits behind a decimal point.
        ("4242424242424242.50", "4242424242424242.50"),
        ("0.4242424242424242", "0.4242424242424242"),
    ],
)
def test_card_numbers(text: str, shown: str) -> None:
    assert hide_card_numbers(text, "·") == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a.example/reset?user=7&token=abc#end", "https://a.example/reset?user=7&token=·#end"),
        (
            '<a href="https://a.example/?a=1&amp;password=x">',
            '<a href="https://a.example/?a=1&amp;password=·">',
        ),
        ("client_secret=x&grant_type=password", "client_secret=·&grant_type=password"),
        ("https://ada:hunter2@a.example/path", "https://ada:·@a.example/path"),
        ("https://a.example:8443/?page=2", "https://a.example:8443/?page=2"),
        ("mailto:ada@a.example", "mailto:ada@a.example"),
        ("key is password='x', limit=5", "key is password='·', limit=5"),
        ("GET /\nCookie: sessionid=a; b=c\nAccept: */*", "GET /\nCookie: ·\nAccept: */*"),
        ("X-Api-Key: abc\nX-Request-Id: 7", "X-Api-Key: ·\nX-Request-Id: 7"),
        ("Your password: x y", "Your password: ·"),
        # Not what the API says of a field.
        ("headers: Expected a dictionary.", "headers: Expected a dictionary."),
        ("password:", "password:"),
    ],
)
def test_secret_parameters_and_headers_in_texts(text: str, shown: str) -> None:
    assert hide_parameters(text, "·") == shown
