"""Start-up checks of Stripe's settings: a missing key, or one that would take money in the wrong mode."""

from collections.abc import Iterator

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error

from core.values.urls import is_http_url, split_url

_MODES = ("live", "test")


def check_settings() -> Iterator[CheckMessage]:
    """Check both modes. Messages never contain a secret."""
    used = False
    for mode in _MODES:
        key_name, secret_name = (f"STRIPE_{mode.upper()}_{what}" for what in ("SECRET_KEY", "WEBHOOK_SECRET"))
        key, secret = getattr(settings, key_name), getattr(settings, secret_name)
        used = used or bool(key or secret)
        if not key and not secret:
            yield checks.Warning(
                f"{key_name} is not set: charges in {mode} mode are refused (no_payment_gateway).",
                hint=f"Set {key_name} and {secret_name}, or their files ({key_name}_FILE), to accept them.",
                id="pomelo.W002",
            )
            continue
        other = _MODES[1 - _MODES.index(mode)]
        if key.startswith((f"sk_{other}_", f"rk_{other}_")):
            yield Error(
                f"{key_name} is a key of Stripe's {other} mode.",
                hint=f"Set it to a key that starts with sk_{mode}_ or rk_{mode}_.",
                id="pomelo.E036",
            )
        elif not key.startswith((f"sk_{mode}_", f"rk_{mode}_")):
            yield Error(
                f"{key_name} is {'not a Stripe secret key' if key else 'not set'}.",
                hint=f"Set it to a key that starts with sk_{mode}_ or rk_{mode}_ (Stripe: Developers, API keys).",
                id="pomelo.E036",
            )
        if not secret.startswith("whsec_"):
            yield Error(
                f"{secret_name} is {'not a Stripe signing secret' if secret else 'not set'}: "
                "disputes and late results would go unnoticed.",
                hint=f"Copy the signing secret (whsec_…) of the endpoint {settings.PUBLIC_URL}/callbacks/stripe.",
                id="pomelo.E036",
            )
    if not used:
        yield Error(
            "BILLING_GATEWAY or BILLING_FORMER_GATEWAYS names Stripe, but no Stripe key is set.",
            hint="Set STRIPE_LIVE_SECRET_KEY and STRIPE_LIVE_WEBHOOK_SECRET, the STRIPE_TEST_ pair, or both.",
            id="pomelo.E036",
        )
    if settings.STRIPE_API_URL and not is_http_url(settings.STRIPE_API_URL):
        yield Error(
            "STRIPE_API_URL is not an http:// or https:// URL.",
            hint="Leave it unset for Stripe's own servers.",
            id="pomelo.E036",
        )
    pages = split_url(settings.STRIPE_CHECKOUT_URL)
    if pages is None or not pages.hostname or f"https://{pages.hostname}" != settings.STRIPE_CHECKOUT_URL:
        yield Error(
            "STRIPE_CHECKOUT_URL is not an https:// URL without a path.",
            hint="Leave it unset, or set it to your custom domain at Stripe, such as https://pay.example.com.",
            id="pomelo.E036",
        )
