"""Gateways: who really takes the money. Another one is one new file here and a name in `settings.BILLING_GATEWAY`.

A payment is finished by the gateway it was begun with, and a refund goes to the gateway that took the charge: one that
was in use before stays in `settings.BILLING_FORMER_GATEWAYS` for that.
"""

from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from billing.gateways.interface import (
    ChargeOrder,
    CheckoutGateway,
    CheckoutOrder,
    CheckoutPage,
    DisputeReport,
    Gateway,
    GatewayMisconfigured,
    GatewayUnavailable,
    Outcome,
    PaymentReport,
    RefundOrder,
)

__all__ = [
    "ChargeOrder",
    "CheckoutGateway",
    "CheckoutOrder",
    "CheckoutPage",
    "DisputeReport",
    "Gateway",
    "GatewayMisconfigured",
    "GatewayUnavailable",
    "Outcome",
    "PaymentReport",
    "RefundOrder",
    "current_gateway",
    "gateway_named",
    "gateway_names",
]


@lru_cache(maxsize=8)
def _load(path: str) -> Gateway:
    gateway: Gateway = import_string(path)()
    return gateway


def current_gateway() -> Gateway | None:
    """Return the gateway that the operator chose: it takes new charges. None when there is none, as in a new production."""
    return _load(settings.BILLING_GATEWAY) if settings.BILLING_GATEWAY else None


def gateway_named(name: str) -> Gateway:
    """Return the gateway that payments begun with it are finished by. Raises KeyError for one that is not configured."""
    return _by_name()[name]


def gateway_names() -> frozenset[str]:
    """Return the names of the gateways that are configured, former ones included."""
    return frozenset(_by_name())


def _by_name() -> dict[str, Gateway]:
    found = map(_load, filter(None, (settings.BILLING_GATEWAY, *settings.BILLING_FORMER_GATEWAYS)))
    return {gateway.name: gateway for gateway in found}
