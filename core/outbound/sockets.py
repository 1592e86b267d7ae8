"""The last check: every socket of the client is created here, after checking its address once more."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from core.outbound.errors import ConnectionFailedError
from core.outbound.policy import OutboundPolicy


def open_socket(info: tuple[Any, ...], policy: OutboundPolicy) -> socket.socket:
    """Return a non-blocking socket for a `getaddrinfo` entry. Raises ConnectionFailedError for a forbidden address.

    Covers addresses that reach the connector without a lookup (an IP address in the URL) and any future code path.
    """
    family, kind, protocol, _, (host, port, *_) = info
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise ConnectionFailedError(f"{host} is no address") from error
    if not policy.permits(address, port):
        raise ConnectionFailedError(f"{host}:{port} is forbidden")
    return socket.socket(family, kind, protocol)
