"""Which network addresses the product may call.

The rule is an allow-list: public IPv4, and IPv6 from the block allocated for the public internet (2000::/3), minus
special-purpose ranges and those that embed an IPv4 address. Anything else, now or in the future, is refused unless
the operator allows it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_FORBIDDEN_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this" network; 0.0.0.0 reaches the machine itself on Linux
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; 100.100.100.200 is a metadata service
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, the metadata services of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is a metadata service
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",  # reserved, and the broadcast address
        "168.63.129.16/32",  # Azure's platform service: a public number, a private machine
    )
)
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_FORBIDDEN_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
# The interface identifiers ISATAP makes out of an IPv4 address (RFC 5214 §6.1), below any prefix.
_ISATAP_IDENTIFIERS = (0x00005EFE, 0x02005EFE)


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Parse networks in CIDR notation.

    Raises ValueError for an invalid one.
    """
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts if text.strip())


def is_public(address: Address) -> bool:
    """Return whether `address` is on the public internet and embeds no other address."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _FORBIDDEN_V4)
    if address.scope_id is not None or address not in _PUBLIC_V6:
        # Mapped, compatible, SIIT, NAT64, unique local, site-local, link-local and multicast are all outside this block.
        return False
    if any(address in network for network in _FORBIDDEN_V6):
        return False
    return (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP_IDENTIFIERS


def is_inside(address: Address, networks: Iterable[Network]) -> bool:
    """Return whether one of `networks` contains `address` as given, without extracting an embedded address."""
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return False
    return any(address.version == network.version and address in network for network in networks)
