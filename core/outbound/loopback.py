"""Whether companies may name this machine itself as a receiver: only under `make run`, until others reach us.

A developer tries webhooks out with a receiver beside Pomelo. As soon as a proxy or a tunnel stands in front, those who
sign up are strangers, and their endpoints would reach whatever listens on this machine. `make run` looks at its own
settings (config.run.options); what they do not say, requests do: a first one that came through a proxy closes loopback
for good, in every process and after a restart, by a file in DATA_DIR.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

log = structlog.get_logger("pomelo.outbound")

# What proxies, load balancers, CDNs and tunnels add to a request. No browser and no HTTP client sends any by itself.
_SIGNS = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_SERVER",
    "HTTP_X_REAL_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_X_ENVOY_EXTERNAL_ADDRESS",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_CF_RAY",
    "HTTP_FLY_CLIENT_IP",
    "HTTP_VIA",
    "HTTP_CDN_LOOP",
)


def is_open() -> bool:
    """Tell whether loopback may be called now."""
    return settings.WEBHOOK_LOOPBACK and not _marker().exists()


def came_through_proxy(meta: Mapping[str, Any]) -> bool:
    """Tell whether a request's environment says that a proxy passed it on.

    nginx says nothing of itself when it is not told to, but speaks HTTP/1.0 then, as no browser does.
    """
    return meta.get("SERVER_PROTOCOL") == "HTTP/1.0" or any(name in meta for name in _SIGNS)


def close() -> None:
    """Close loopback until an operator removes the file. Raises OSError."""
    _marker().parent.mkdir(parents=True, exist_ok=True)
    _marker().touch()
    log.warning(
        "webhook_loopback_closed",
        reason="A request came through a proxy, so that others than this machine's users may reach Pomelo.",
        fix="Name the networks that webhooks may reach in WEBHOOK_ALLOWED_NETWORKS.",
    )


def _marker() -> Path:
    return Path(settings.DATA_DIR) / "reached-through-a-proxy"


class LoopbackGuard:
    """Middleware, before all others: closes loopback at the first request that came through a proxy.

    Installed by config.settings.local only; elsewhere loopback is never open and no request is looked at.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request; loopback is closed before it can make use of it."""
        if came_through_proxy(request.META) and is_open():
            close()
        return self._get_response(request)
