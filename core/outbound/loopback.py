"""Whether companies may use this machine itself as a receiver: only under `make run`, while it is not publicly reachable.

A developer tests webhooks with a receiver on the same machine. As soon as a proxy or a tunnel is in front, strangers can
sign up, and their endpoints could reach anything that listens on this machine. `make run` checks its own settings
(config.run.options). What they do not show, requests do: the first one that came through a proxy closes loopback
permanently, for all processes and across restarts, with a file in DATA_DIR.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

log = structlog.get_logger("pomelo.outbound")

# Headers added by proxies, load balancers, CDNs and tunnels. No browser or HTTP client sends any of them by default.
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
    """Return whether loopback may be called now."""
    return settings.WEBHOOK_LOOPBACK and not _marker().exists()


def came_through_proxy(meta: Mapping[str, Any]) -> bool:
    """Return whether a request came through a proxy, judging by its WSGI environ.

    By default nginx adds no such header, but it uses HTTP/1.0, which no browser does.
    """
    return meta.get("SERVER_PROTOCOL") == "HTTP/1.0" or any(name in meta for name in _SIGNS)


def close() -> None:
    """Close loopback until an operator deletes the file. Raises OSError."""
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
    """The first middleware: closes loopback at the first request that came through a proxy.

    Installed by config.settings.local only; elsewhere loopback is never open and requests are not checked.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Close loopback if needed, before the request is handled."""
        if came_through_proxy(request.META) and is_open():
            close()
        return self._get_response(request)
