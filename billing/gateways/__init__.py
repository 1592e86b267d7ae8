"""Payment gateways. A new one is a class like `interface.Gateway` here, whose path goes into `settings.BILLING_GATEWAY`.

A payment is completed by the gateway it was started with, and a refund goes to the gateway of its charge. For that, a gateway
that is no longer in use stays in `settings.BILLING_FORMER_GATEWAYS`.
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
    """Return the gateway configured for new charges, or None, as in a new production installation."""
    return _load(settings.BILLING_GATEWAY) if settings.BILLING_GATEWAY else None


def gateway_named(name: str) -> Gateway:
    """Return a current or former gateway by name. Raises KeyError for one that is not configured."""
    return _by_name()[name]


def gateway_names() -> frozenset[str]:
    """Return the names of all configured gateways, including former ones."""
    return frozenset(_by_name())


def _by_name() -> dict[str, Gateway]:
    found = map(_load, filter(None, (settings.BILLING_GATEWAY, *settings.BILLING_FORMER_GATEWAYS)))
    return {gateway.name: gateway for gateway in found}
