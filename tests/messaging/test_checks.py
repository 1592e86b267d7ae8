"""Invalid messaging settings are refused at start-up, by name and with advice."""

import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as configured

from messaging.checks import check_messaging

GOOD_SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
SMTP = {"email": "smtp", "sms": "file"}
ANYMAIL = {"email": "anymail", "sms": "file"}
TWILIO = {"email": "file", "sms": "twilio"}


def found(settings: Any, **values: Any) -> list[tuple[str, str]]:
    """Return (id, message) of the check's results with these settings."""
    for name, value in values.items():
        setattr(settings, name, value)
    errors = check_messaging(None)
    assert all(error.hint for error in errors)
    return [(error.id, error.msg) for error in errors]


@pytest.mark.parametrize(
    "values",
    [
        {"MESSAGING_PROVIDERS": {"email": "file", "sms": "file"}},
        {"MESSAGING_PROVIDERS": SMTP, "MESSAGING_SMTP_URL": "smtp://127.0.0.1:25"},
        {"MESSAGING_PROVIDERS": SMTP, "MESSAGING_SMTP_URL": "smtp+tls://u:p%40ss@mail.example"},
        {
            "MESSAGING_PROVIDERS": ANYMAIL,
            "MESSAGING_ANYMAIL_BACKEND": "anymail.backends.postmark.EmailBackend",
            "ANYMAIL": {"POSTMARK_SERVER_TOKEN": "t", "WEBHOOK_SECRET": ["u:p", "u:q"]},
        },
        {"MESSAGING_PROVIDERS": TWILIO, "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"},
        {"MESSAGING_CALLBACK_SECRET": GOOD_SECRET, "MESSAGING_SMS_FROM": "+4930123456"},
    ],
)
def test_valid_settings_are_accepted(settings: Any, values: dict[str, Any]) -> None:
    assert found(settings, **values) == []


@pytest.mark.parametrize(
    ("values", "identifier", "output"),
    [
        ({"MESSAGING_PROVIDERS": {"email": "sendmail"}}, "pomelo.E021", "MESSAGING_EMAIL_PROVIDER is 'sendmail'"),
        ({"MESSAGING_PROVIDERS": {"email": "twilio"}}, "pomelo.E021", "which cannot send email"),
        ({"MESSAGING_PROVIDERS": {"sms": "smtp"}}, "pomelo.E021", "which cannot send sms"),
        ({"MESSAGING_PROVIDERS": {"email": "testmode"}}, "pomelo.E021", "MESSAGING_EMAIL_PROVIDER is 'testmode'"),
        ({"MESSAGING_PROVIDERS": {"fax": "file"}}, "pomelo.E021", "does not exist: fax"),
        ({"MESSAGING_PROVIDERS": SMTP, "MESSAGING_SMTP_URL": ""}, "pomelo.E022", "is not set"),
        ({"MESSAGING_PROVIDERS": SMTP, "MESSAGING_SMTP_URL": "http://u:hush@h"}, "pomelo.E022", "starts with 'http'"),
        ({"MESSAGING_PROVIDERS": SMTP, "MESSAGING_SMTP_URL": "smtp://:25"}, "pomelo.E022", "has no host"),
        ({"MESSAGING_PROVIDERS": SMTP, "MESSAGING_SMTP_URL": "smtp://h:99999"}, "pomelo.E022", "an invalid port"),
        ({"MESSAGING_PROVIDERS": ANYMAIL, "MESSAGING_ANYMAIL_BACKEND": ""}, "pomelo.E023", "it is ''"),
        ({"SMS_PRICE_CURRENCY": "usd"}, "pomelo.E029", "'usd', which is no currency"),
        ({"SMS_PRICE_ESTIMATE": Decimal("NaN")}, "pomelo.E029", "SMS_PRICE_ESTIMATE is NaN"),
        (
            {"MESSAGING_PROVIDERS": ANYMAIL, "MESSAGING_ANYMAIL_BACKEND": "anymail.backends.nobody.EmailBackend"},
            "pomelo.E023",
            "cannot be used",
        ),
        (
            {
                "MESSAGING_PROVIDERS": ANYMAIL,
                "MESSAGING_ANYMAIL_BACKEND": "anymail.backends.postmark.EmailBackend",
                "ANYMAIL": {},
            },
            "pomelo.E023",
            "POSTMARK_SERVER_TOKEN",
        ),
        (
            {"MESSAGING_PROVIDERS": TWILIO, "TWILIO_ACCOUNT_SID": "", "TWILIO_AUTH_TOKEN": "t"},
            "pomelo.E024",
            "TWILIO_ACCOUNT_SID",
        ),
        (
            {"MESSAGING_PROVIDERS": TWILIO, "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": ""},
            "pomelo.E024",
            "TWILIO_AUTH_TOKEN is not set",
        ),
        ({"MESSAGING_EMAIL_FROM": "nobody"}, "pomelo.E025", "MESSAGING_EMAIL_FROM"),
        ({"MESSAGING_RETURN_PATH": "a\r\nb@example.com"}, "pomelo.E025", "MESSAGING_RETURN_PATH"),
        ({"MESSAGING_SMS_FROM": "A name that is too long"}, "pomelo.E025", "MESSAGING_SMS_FROM"),
        ({"MESSAGING_CALLBACK_SECRET": "whsec_short"}, "pomelo.E026", "MESSAGING_CALLBACK_SECRET"),
        ({"MESSAGING_CALLBACK_SECRET": GOOD_SECRET[6:]}, "pomelo.E026", "MESSAGING_CALLBACK_SECRET"),
        ({"ANYMAIL": {"WEBHOOK_SECRET": "no-colon"}}, "pomelo.E026", "WEBHOOK_SECRET"),
        ({"MESSAGING_DNS_RESOLVERS": ["dns.example"]}, "pomelo.E027", "'dns.example'"),
        ({"MESSAGING_DNS_RESOLVERS": ["192.0.2.53:0"]}, "pomelo.E027", "0 is no port"),
        ({"MESSAGING_CONCURRENCY": 0}, "pomelo.E020", "nothing would ever be sent"),
    ],
)  # fmt: skip
def test_invalid_setting_is_named(
    settings: Any, values: dict[str, Any], identifier: str, output: str
) -> None:
    [(code, message)] = found(settings, **values)

    assert code == identifier
    assert output in message
    assert "hush" not in message


def test_command_is_refused_before_it_does_anything() -> None:
    refused = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=configured.BASE_DIR,
        env={**os.environ, "MESSAGING_EMAIL_PROVIDER": "sendgrid"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert refused.returncode != 0
    assert "MESSAGING_EMAIL_PROVIDER is 'sendgrid'" in refused.stderr
    assert "Set it to one of: anymail, file, smtp." in refused.stderr
