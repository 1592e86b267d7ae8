"""Gateways: who really takes the money. Another one is one new file here and a name in `settings.BILLING_GATEWAY`."""

from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from billing.gateways.interface import ChargeOrder, Gateway, GatewayUnavailable, Outcome, RefundOrder

__all__ = ["ChargeOrder", "Gateway", "GatewayUnavailable", "Outcome", "RefundOrder", "current_gateway"]


@lru_cache(maxsize=2)
def _load(path: str) -> Gateway:
    gateway: Gateway = import_string(path)()
    return gateway


def current_gateway() -> Gateway:
    """Return the gateway that the operator chose."""
    return _load(settings.BILLING_GATEWAY)
