"""Address ranges and browser origins from which a key may be used: parsing and matching. Pure functions."""

import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence
from urllib.parse import urlsplit

import idna

from core.http.addresses import IPAddress, IPNetwork, parse_address

MAX_NETWORKS = 100
MAX_ORIGINS = 50
MAX_HOST = 253  # RFC 1035, without the trailing dot
ANY_ORIGIN = "*"
# Ranges that restrict nothing: one has every address of a family. All of IPv6 that is in use lies in 2000::/3.
EVERYWHERE = {"0.0.0.0/0": "IPv4", "::/0": "IPv6", "::/1": "IPv6", "::/2": "IPv6", "2000::/3": "IPv6"}

# A list of ranges is wide when it has more public addresses than one of these: the largest block that a registry has given to a company.
WIDEST = {4: ipaddress.ip_network("0.0.0.0/8"), 6: ipaddress.ip_network("2000::/20")}
# Nobody calls from these over the internet, so they may be listed whole (RFC 6890, RFC 6598, RFC 5771). Of IPv6, only 2000::/3 is public.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(cidr)
    for cidr in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
    )
)  # fmt: skip
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")

_HOST_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class InvalidRestriction(ValueError):
    """An invalid entry. The message names it and says why."""


def parse_networks(entries: Iterable[str]) -> list[str]:
    """Return canonical CIDRs in order, without duplicates. A single address becomes a /32 or /128.

    IPv4-mapped IPv6 ranges are unmapped, as client addresses are. Host bits are refused rather than dropped:
    `10.0.0.5/8` is more likely a typo than a wish to admit sixteen million addresses. Ranges that together cover one of
    EVERYWHERE are stored as that one, so that a lookup in the stored list finds it. Raises InvalidRestriction.
    """
    found: dict[IPNetwork, None] = {}
    for entry in entries:
        text = entry.strip()
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            raise InvalidRestriction(_network_hint(text)) from error
        found[_unmapped(network)] = None
    if len(found) > MAX_NETWORKS:
        raise InvalidRestriction(f"A key can name at most {MAX_NETWORKS} address ranges.")
    return [str(network) for network in _with_everywhere(list(found))]


def _with_everywhere(networks: list[IPNetwork]) -> list[IPNetwork]:
    v4 = [each for each in networks if isinstance(each, ipaddress.IPv4Network)]
    v6 = [each for each in networks if isinstance(each, ipaddress.IPv6Network)]
    families: tuple[list[IPNetwork], ...] = (
        [*ipaddress.collapse_addresses(v4)],
        [*ipaddress.collapse_addresses(v6)],
    )
    for merged in families:
        if everywhere_in(str(each) for each in merged):
            networks = [*merged, *(each for each in networks if each.version != merged[0].version)]
    return networks


def restricts_nothing(cidrs: Collection[str]) -> bool:
    """Whether stored CIDRs let in everybody, or everybody who uses one of the two families."""
    return not cidrs or everywhere_in(cidrs) is not None


def everywhere_in(cidrs: Iterable[str]) -> str | None:
    """Return the first stored CIDR that restricts nothing, or None."""
    return next((cidr for cidr in cidrs if cidr in EVERYWHERE), None)


def too_wide(cidrs: Iterable[str]) -> str | None:
    """Return how many public addresses stored CIDRs have together, as a sentence, if they are more than WIDEST; None otherwise."""
    networks = compile_networks(cidrs)
    v4 = ipaddress.collapse_addresses(each for each in networks if isinstance(each, ipaddress.IPv4Network))
    v6 = ipaddress.collapse_addresses(each for each in networks if isinstance(each, ipaddress.IPv6Network))
    public = sum(each.num_addresses - sum(_shared(each, other) for other in _NOT_PUBLIC) for each in v4)
    most = WIDEST[4].num_addresses
    if public > most:
        return f"Together, the ranges have {public:,} public IPv4 addresses; at most {most:,} (as many as a /8) are accepted."
    public, most = sum(_shared(each, _PUBLIC_IPV6) for each in v6), WIDEST[6].num_addresses
    if public > most:
        return (
            f"Together, the ranges have {public >> 64:,} public IPv6 networks of /64; at most {most >> 64:,} (as many as a /20) "
            "are accepted."
        )
    return None


def _shared(one: IPNetwork, other: IPNetwork) -> int:
    """Return how many addresses two networks have in common: all of the smaller one's, or none."""
    return min(one.num_addresses, other.num_addresses) if one.overlaps(other) else 0


def _network_hint(text: str) -> str:
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"“{text[:64]}” is not an IPv4 or IPv6 address or range. Write 203.0.113.7 or 203.0.113.0/24."
    return f"“{text[:64]}” has host bits set. Write {meant} for the whole range, or the single address without “/”."


def _unmapped(network: IPNetwork) -> IPNetwork:
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.ip_network((mapped, network.prefixlen - 96))
    return network


def compile_networks(cidrs: Iterable[str]) -> tuple[IPNetwork, ...]:
    """Parse stored CIDRs for matching."""
    return tuple(ipaddress.ip_network(cidr) for cidr in cidrs)


def address_allowed(address: str, networks: Sequence[IPNetwork]) -> bool:
    """Whether a client address is in one of the networks. Without networks every address is allowed."""
    if not networks:
        return True
    parsed: IPAddress | None = parse_address(address)
    return parsed is not None and any(parsed in network for network in networks)


def parse_origins(entries: Iterable[str]) -> list[str]:
    """Return canonical origins without duplicates: `https://app.example.com`, `https://*.example.com` or `*`.

    An origin consists of scheme, host and port only; the scheme is `https`, or `http` on localhost. A wildcard replaces
    whole labels on the left and cannot cover a whole public suffix. Raises InvalidRestriction.
    """
    found: dict[str, None] = {}
    for entry in entries:
        found[_parse_origin(entry.strip())] = None
    if len(found) > MAX_ORIGINS:
        raise InvalidRestriction(f"A key can name at most {MAX_ORIGINS} origins.")
    return list(found)


def _parse_origin(text: str) -> str:
    if text == ANY_ORIGIN:
        return text
    shown = text[:100]
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidRestriction(f"“{shown}” is not an origin. Write https://app.example.com.") from error
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise InvalidRestriction(f"“{shown}” is not an origin. Write https://app.example.com.")
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc or "?" in text or "#" in text:
        raise InvalidRestriction(
            f"“{shown}” contains more than scheme, host and port. Write https://app.example.com."
        )
    bare = host.removeprefix("*.")
    if not bare.isascii():
        # Browsers send the ASCII form of an internationalized domain name.
        try:
            bare = idna.encode(bare, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise InvalidRestriction(f"“{shown}” has no valid host name.") from error
        host = f"*.{bare}" if host.startswith("*.") else bare
    is_address = parse_address(bare) is not None
    is_name = len(bare) <= MAX_HOST and all(_HOST_LABEL.fullmatch(label) for label in bare.split("."))
    if not is_address and not is_name:
        raise InvalidRestriction(
            f"“{shown}” has no valid host name; a wildcard is written https://*.example.com."
        )
    if bare != host and (is_address or "." not in bare):
        raise InvalidRestriction(f"“{shown}” is too broad. A wildcard needs a domain: https://*.example.com.")
    if parts.scheme == "http" and bare not in {"localhost", "127.0.0.1", "::1"}:
        raise InvalidRestriction(f"“{shown}” is not encrypted. Only localhost may use http.")
    shown_host = f"[{host}]" if ":" in host else host
    suffix = "" if port is None or port == _DEFAULT_PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{shown_host}{suffix}"


def origin_allowed(origin: str, allowed: Sequence[str]) -> bool:
    """Whether the `Origin` a browser sent is allowed. `null` (sandboxed, file) never is, even with `*`."""
    if origin == "null":
        return False
    if origin in allowed:
        return True
    return any(_matches_pattern(origin, pattern) for pattern in allowed)


def _matches_pattern(origin: str, pattern: str) -> bool:
    if pattern == ANY_ORIGIN:
        return "://" in origin
    scheme, wildcard, domain = pattern.partition("*")
    if not wildcard:
        return False
    # `https://*.example.com`: the star must match something, and nothing that could begin a different host.
    middle = origin[len(scheme) : len(origin) - len(domain)]
    return (
        origin.startswith(scheme)
        and origin.endswith(domain)
        and all(_HOST_LABEL.fullmatch(label) for label in middle.split("."))
    )
