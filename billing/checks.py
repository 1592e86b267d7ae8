"""Start-up checks of payment gateways: one that cannot be loaded, and what each finds wrong with its own settings."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.utils.module_loading import import_string

from billing.gateways import Gateway

STRIPE = "billing.gateways.stripe.StripeGateway"


@register(Tags.compatibility)
def check_gateways(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check the current and former gateways (docs/billing.md)."""
    return list(_gateways())


def _gateways() -> Iterator[CheckMessage]:
    named = [("BILLING_GATEWAY", settings.BILLING_GATEWAY)] if settings.BILLING_GATEWAY else []
    named += [("BILLING_FORMER_GATEWAYS", path) for path in settings.BILLING_FORMER_GATEWAYS]
    classes: dict[type[Gateway], None] = {}
    for setting, path in named:
        if path == STRIPE and find_spec("stripe") is None:
            yield Error(
                f"{setting} names Stripe, but its SDK is not installed.",
                hint="pip install --require-hashes --requirement requirements/stripe.txt "
                "(the image: --build-arg REQUIREMENTS=stripe).",
                id="pomelo.E035",
            )
            continue
        try:
            gateway = import_string(path)
        except (ImportError, ValueError) as error:
            problem = f"cannot be loaded: {error}"
        else:
            if isinstance(gateway, type) and callable(getattr(gateway, "check_settings", None)):
                classes[gateway] = None
                continue
            problem = "is no payment gateway (billing.gateways.interface.Gateway)"
        yield Error(
            f"{setting} is {path}, which {problem}.",
            hint="Set it to the path of a class, for example billing.gateways.stripe.StripeGateway.",
            id="pomelo.E035",
        )
    for gateway in classes:
        yield from gateway.check_settings()
