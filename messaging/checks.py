"""Start-up checks of settings with which messages would wait forever, or reports could be forged."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from core.values.currencies import EXPONENTS
from messaging.callbacks.signed import MIN_SECRET_BYTES
from messaging.channels import channels
from messaging.channels.base import InvalidAddress
from messaging.channels.sms import clean_sender
from messaging.providers import TEST_MODE, provider_class, provider_names
from messaging.verification import read_server

LEAST_RETENTION_DAYS = 31
MAX_SMS_ESTIMATE = 100


@register(Tags.compatibility)
def check_messaging(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check every setting of docs/messaging.md. Those of a provider are checked by its class, while it is in use."""
    found = [*_providers(), *_senders(), *_resolvers(), *_callback_secrets(), *_reputation(), *_sms_prices()]
    if settings.MESSAGING_CONCURRENCY < 1:
        found.append(
            Error(
                f"MESSAGING_CONCURRENCY is {settings.MESSAGING_CONCURRENCY}: nothing would ever be sent.",
                hint="Set it to the number of calls a worker can make at the same time, for example 4.",
                id="pomelo.E020",
            )
        )
    if not (settings.MESSAGE_RETENTION_DAYS == 0 or settings.MESSAGE_RETENTION_DAYS >= LEAST_RETENTION_DAYS):
        found.append(
            Error(
                f"MESSAGE_RETENTION_DAYS is {settings.MESSAGE_RETENTION_DAYS}: messages can be scheduled, and are counted, 30 days ahead.",
                hint=f"Set it to {LEAST_RETENTION_DAYS} or more, or to 0 to keep messages forever.",
                id="pomelo.E028",
            )
        )
    return found


def _reputation() -> Iterator[CheckMessage]:
    for name in ("REPUTATION_BOUNCES", "REPUTATION_COMPLAINTS"):
        shares = getattr(settings, name)
        if len(shares) != 2 or not 0 < shares[0] <= shares[1] <= 1:
            yield Error(
                f"{name} is {shares}, which is not two shares in ascending order.",
                hint="The first slows sending, the second pauses it; for example 0.05,0.1.",
                id="pomelo.E028",
            )
    if settings.REPUTATION_DAYS < 1 or settings.REPUTATION_MINIMUM < 1:
        yield Error(
            "REPUTATION_DAYS and REPUTATION_MINIMUM must be at least 1.",
            hint="For example 7 days and 200 recipients.",
            id="pomelo.E028",
        )


def _sms_prices() -> Iterator[CheckMessage]:
    if settings.SMS_PRICE_CURRENCY not in EXPONENTS:
        yield Error(
            f"SMS_PRICE_CURRENCY is {settings.SMS_PRICE_CURRENCY!r}, which is no currency (ISO 4217).",
            hint="Set it to the one that your SMS provider bills you in, for example USD.",
            id="pomelo.E029",
        )
    if not (settings.SMS_PRICE_ESTIMATE.is_finite() and 0 < settings.SMS_PRICE_ESTIMATE <= MAX_SMS_ESTIMATE):
        yield Error(
            f"SMS_PRICE_ESTIMATE is {settings.SMS_PRICE_ESTIMATE}, which no segment of an SMS costs.",
            hint=f"Set it to more than 0 and at most {MAX_SMS_ESTIMATE}, for example 0.10: what a segment costs where you send most.",
            id="pomelo.E029",
        )


def _providers() -> Iterator[CheckMessage]:
    used: dict[str, None] = {}
    for channel, name in settings.MESSAGING_PROVIDERS.items():
        if channel not in channels():
            yield Error(
                f"MESSAGING_PROVIDERS names a channel that does not exist: {channel}.",
                hint=f"Available: {', '.join(sorted(channels()))}.",
                id="pomelo.E021",
            )
            continue
        choices = provider_names() - {TEST_MODE}
        if name in choices and provider_class(name).carries(channel):
            used[name] = None
            continue
        fitting = sorted(one for one in choices if provider_class(one).carries(channel))
        yield Error(
            f"MESSAGING_{channel.upper()}_PROVIDER is {name!r}, which cannot send {channel}.",
            hint=f"Set it to one of: {', '.join(fitting)}.",
            id="pomelo.E021",
        )
    for name in used:
        yield from provider_class(name).check_settings()


def _senders() -> Iterator[CheckMessage]:
    for name, required in (("MESSAGING_EMAIL_FROM", True), ("MESSAGING_RETURN_PATH", False)):
        value = getattr(settings, name)
        if not value and not required:
            continue
        try:
            channels()["email"].parse(value)
        except InvalidAddress as error:
            yield Error(
                f"{name} is {value!r}: {error}",
                hint="Use an address such as news@acme.example or Acme <news@acme.example>.",
                id="pomelo.E025",
            )
    if clean_sender(settings.MESSAGING_SMS_FROM) is None:
        yield Error(
            f"MESSAGING_SMS_FROM is {settings.MESSAGING_SMS_FROM!r}, which is not a valid SMS sender.",
            hint="Use a number in international format or a name of up to 11 letters and digits.",
            id="pomelo.E025",
        )


def _resolvers() -> Iterator[CheckMessage]:
    for text in settings.MESSAGING_DNS_RESOLVERS:
        try:
            read_server(text)
        except ValueError as error:
            yield Error(
                f"MESSAGING_DNS_RESOLVERS has {text!r}: {error}.",
                hint="Use addresses, with a port unless it is 53: 192.0.2.53 or [2001:db8::53]:5353.",
                id="pomelo.E027",
            )


def _callback_secrets() -> Iterator[CheckMessage]:
    if settings.MESSAGING_CALLBACK_SECRET and not _is_strong(settings.MESSAGING_CALLBACK_SECRET):
        yield Error(
            "MESSAGING_CALLBACK_SECRET is not `whsec_` and at least "
            f"{MIN_SECRET_BYTES} random bytes in Base64: every report would be refused.",
            hint="Generate one with: printf 'whsec_%s\\n' \"$(head -c 32 /dev/urandom | base64)\"",
            id="pomelo.E026",
        )
    wanted = settings.ANYMAIL.get("WEBHOOK_SECRET", "x:y")
    for one in [wanted] if isinstance(wanted, str) else wanted:
        user, _, password = str(one).partition(":")
        if not user or not password:
            yield Error(
                "WEBHOOK_SECRET in ANYMAIL is not `user:password`: reports cannot be verified.",
                hint="Set it to two random strings separated by a colon, and give the provider the URL "
                "https://user:password@host/callbacks/anymail.",
                id="pomelo.E026",
            )


def _is_strong(secret: str) -> bool:
    try:
        decoded = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return secret.startswith("whsec_") and len(decoded) >= MIN_SECRET_BYTES
