"""Determines a request's client address from the socket and from trusted proxies (`TRUSTED_PROXIES`) only.

Proxies send it in `X-Forwarded-For` and `X-Forwarded-Proto`, or in `Forwarded` (RFC 7239), as set by `FORWARDED_HEADER`; the
other one is ignored. Either is read from the right: the right-most entry was added by the proxy that connected to us, the one
before it by that proxy's peer, and so on. The first address that is not a trusted proxy is the client's; everything to the
left of it was written by the client and is ignored. IPv4 addresses mapped into IPv6 are unmapped.

Untrusted headers are cached only if they are short, so that the cache is bounded in bytes as well as entries.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from django.conf import settings

from core.setting_changes import forget_when_changed

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# A Unix socket has no address; its peer is on this machine.
UNIX_SOCKET_ADDRESS = "127.0.0.1"
IPV6_CLIENT_PREFIX = 64


# The longest address with brackets, zone and port is shorter.
MAX_ADDRESS_LENGTH = 64
# No real chain of proxies is longer; anything beyond was forged and is not read.
MAX_HOPS = 16
MAX_REMEMBERED_LENGTH = 256

# One `name=value` of RFC 7239 §4, whose value may be quoted.
_PAIR = re.compile(r'\s*([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^\s",;]*)\s*')
_ELEMENTS = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PAIRS = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*")+')


def parse_address(text: str) -> IPAddress | None:
    """Parse an IP address, dropping port, brackets and zone and unmapping IPv4-mapped ones; None when it is invalid."""
    return _parse(text) if len(text) <= MAX_ADDRESS_LENGTH else None


@lru_cache(maxsize=4096)
def _parse(text: str) -> IPAddress | None:
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
    """Return the networks of `TRUSTED_PROXIES`. Raises ValueError for an invalid entry (a start-up check)."""
    return tuple(ipaddress.ip_network(entry.strip(), strict=False) for entry in settings.TRUSTED_PROXIES)


def _is_trusted(address: IPAddress) -> bool:
    return any(address in network for network in trusted_proxies())


def client_address(meta: Mapping[str, str]) -> str:
    """Return the client's address in canonical form, from a WSGI environ (`request.META`)."""
    remote = meta.get("REMOTE_ADDR", "")
    if not trusted_proxies():
        return _canonical(remote)
    if settings.FORWARDED_HEADER == "forwarded":
        forwarded = meta.get("HTTP_FORWARDED", "")
        return _walk(remote, [hop.get("for", "") for hop in _hops(forwarded)] if forwarded else [])
    return _forwarded_address(remote, meta.get("HTTP_X_FORWARDED_FOR", ""))


def forwarded_scheme(meta: Mapping[str, str]) -> str:
    """Return the scheme used by the client of the nearest proxy, as reported by it; empty when it reports none."""
    if settings.FORWARDED_HEADER == "forwarded":
        hops = _hops(meta.get("HTTP_FORWARDED", ""))
        return hops[-1].get("proto", "").lower() if hops else ""
    # Where several proxies append to the header, the nearest one's entry is last.
    return meta.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()


def _hops(forwarded: str) -> list[dict[str, str]]:
    """Return the last elements of a Forwarded header; one that is not valid under RFC 7239 is empty."""
    hops = []
    for element in _ELEMENTS.findall(forwarded)[-MAX_HOPS:]:
        pairs: dict[str, str] = {}
        for part in _PAIRS.findall(element):
            found = _PAIR.fullmatch(part)
            if found is None or found[1].lower() in pairs:
                pairs = {}
                break
            value = found[2]
            pairs[found[1].lower()] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] == '"' else value
        hops.append(pairs)
    return hops


@lru_cache(maxsize=4096)
def _canonical(remote: str) -> str:
    address = parse_address(remote)
    return UNIX_SOCKET_ADDRESS if address is None else str(address)


def _forwarded_address(remote: str, forwarded: str) -> str:
    if len(forwarded) <= MAX_REMEMBERED_LENGTH:
        return _remembered_address(remote, forwarded)
    return _walk(remote, forwarded.rsplit(",", MAX_HOPS)[1:])


@lru_cache(maxsize=4096)
def _remembered_address(remote: str, forwarded: str) -> str:
    return _walk(remote, forwarded.split(","))


def _walk(remote: str, entries: Sequence[str]) -> str:
    current = parse_address(_canonical(remote))
    if current is None or not _is_trusted(current):
        return _canonical(remote)
    for entry in reversed(entries):
        address = parse_address(entry)
        if address is None:
            # A trusted proxy sent something unreadable: fall back to the last valid address.
            break
        current = address
        if not _is_trusted(address):
            break
    return str(current)


def peer_is_trusted_proxy(meta: Mapping[str, str]) -> bool:
    """Return whether the socket's peer is trusted to report the client's scheme and address."""
    address = parse_address(_canonical(meta.get("REMOTE_ADDR", "")))
    return address is not None and _is_trusted(address)


@lru_cache(maxsize=4096)
def client_group(address: str) -> str:
    """Return what a client is counted by: an IPv4 address, or an IPv6 address's /64 (usually one customer)."""
    parsed = parse_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, IPV6_CLIENT_PREFIX), strict=False))
    return address


def _forget_proxies() -> None:
    trusted_proxies.cache_clear()
    _remembered_address.cache_clear()


forget_when_changed(_forget_proxies, "TRUSTED_PROXIES")
