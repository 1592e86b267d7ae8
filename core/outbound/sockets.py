"""The last gate: every socket of the client is made here, for an address that is judged once more."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from core.outbound.errors import ConnectionFailedError
from core.outbound.policy import OutboundPolicy


def open_socket(info: tuple[Any, ...], policy: OutboundPolicy) -> socket.socket:
    """Return a non-blocking socket for one `getaddrinfo` entry. Raises ConnectionFailedError for a forbidden one.

    Covers what reaches the connector without a look-up (an address written in the URL) and any future way in.
    """
    family, kind, protocol, _, (host, port, *_) = info
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise ConnectionFailedError(f"{host} is no address") from error
    if not policy.permits(address, port):
        raise ConnectionFailedError(f"{host}:{port} is forbidden")
    return socket.socket(family, kind, protocol)
