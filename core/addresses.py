"""Where a request came from, told only by the socket and by proxies the operator trusts (`TRUSTED_PROXIES`).

`X-Forwarded-For` is read from the right: the right-most entry was written by the proxy that connected to us, the one
before it by that proxy's own peer, and so on. The first address that is not a trusted proxy is the client; whatever
stands left of it was written by the client and is ignored. IPv4 addresses mapped into IPv6 are unmapped.
"""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache

from django.conf import settings
from django.core.signals import setting_changed

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# A Unix socket has no address; whoever can open it is on this machine.
UNIX_SOCKET_ADDRESS = "127.0.0.1"
IPV6_CLIENT_PREFIX = 64


@lru_cache(maxsize=4096)
def parse_address(text: str) -> IPAddress | None:
    """An IP address without port, brackets or zone, IPv4-mapped ones unmapped; None when it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


@lru_cache(maxsize=1)
def trusted_proxies() -> tuple[IPNetwork, ...]:
    """The networks of `TRUSTED_PROXIES`. Raises ValueError for an entry that is no network (a start-up check)."""
    return tuple(ipaddress.ip_network(entry.strip(), strict=False) for entry in settings.TRUSTED_PROXIES)


def _is_trusted(address: IPAddress) -> bool:
    return any(address in network for network in trusted_proxies())


def client_address(meta: Mapping[str, str]) -> str:
    """The client's address in its canonical spelling, from a WSGI environ (`request.META`)."""
    remote = meta.get("REMOTE_ADDR", "")
    if not trusted_proxies():
        return _canonical(remote)
    return _forwarded_address(remote, meta.get("HTTP_X_FORWARDED_FOR", ""))


@lru_cache(maxsize=4096)
def _canonical(remote: str) -> str:
    address = parse_address(remote)
    return UNIX_SOCKET_ADDRESS if address is None else str(address)


@lru_cache(maxsize=4096)
def _forwarded_address(remote: str, forwarded: str) -> str:
    current = parse_address(_canonical(remote))
    if current is None or not _is_trusted(current):
        return _canonical(remote)
    for entry in reversed(forwarded.split(",")):
        address = parse_address(entry)
        if address is None:
            # A trusted proxy wrote something unreadable: the last address we could read is the best we know.
            break
        current = address
        if not _is_trusted(address):
            break
    return str(current)


def peer_is_trusted_proxy(meta: Mapping[str, str]) -> bool:
    """Whether the peer of the socket may say what scheme and address the client used."""
    address = parse_address(_canonical(meta.get("REMOTE_ADDR", "")))
    return address is not None and _is_trusted(address)


@lru_cache(maxsize=4096)
def client_group(address: str) -> str:
    """What failures are counted by: an IPv4 address, or the /64 an IPv6 address lies in (one customer's usual share)."""
    parsed = parse_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, IPV6_CLIENT_PREFIX), strict=False))
    return address


def _settings_changed(*, setting: str, **_: object) -> None:
    if setting == "TRUSTED_PROXIES":
        trusted_proxies.cache_clear()
        _forwarded_address.cache_clear()


# Sent only by Django's own override_settings.
setting_changed.connect(_settings_changed)
