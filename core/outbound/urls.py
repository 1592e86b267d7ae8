"""Parses URLs strictly, so that the URL that was checked is the one that is called.

Parsers disagree about malformed URLs, and attackers exploit the differences. Anything that two parsers could read as
different hosts is therefore refused, not normalized.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import idna

from core.outbound.addresses import Address
from core.outbound.errors import UrlRefusedError

MAX_URL_LENGTH = 2048
_TOO_LONG = f"A URL has at most {MAX_URL_LENGTH} characters, its host in ASCII."
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z", re.ASCII)
_LOOKS_NUMERIC = re.compile(r"([0-9]+|0x[0-9a-f]*)\Z", re.ASCII)
_TARGET = re.compile(r"[!-~]*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """A destination in canonical form; `host` is lower-case ASCII, IPv6 without brackets."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def is_default_port(self) -> bool:
        """Return whether the port is the scheme's default."""
        return self.port == (443 if self.scheme == "https" else 80)

    @property
    def url(self) -> str:
        """Return the URL in the form that is stored and called."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{'' if self.is_default_port else f':{self.port}'}{self.path}"


def parse_url(text: str) -> Target:
    """Parse `text` and return its destination.

    Raises UrlRefusedError, whose message may be shown to the user.
    """
    if len(text) > MAX_URL_LENGTH:
        raise UrlRefusedError("url_too_long", _TOO_LONG)
    if any(character <= " " or character in "\\\x7f" for character in text):
        raise UrlRefusedError("url_invalid", "A URL has no spaces, control characters or backslashes.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UrlRefusedError("url_invalid", "This is not a valid URL.") from None
    if parts.scheme not in ("http", "https") or not text.lower().startswith(f"{parts.scheme}://"):
        raise UrlRefusedError("url_scheme", "A URL starts with https:// or http://.")
    if "@" in parts.netloc:
        raise UrlRefusedError(
            "url_credentials", "Credentials in a URL are not accepted; use a custom header."
        )
    if "#" in text:
        raise UrlRefusedError("url_fragment", "A URL for calls has no fragment (#…).")
    if port == 0 or parts.netloc.endswith(":"):
        raise UrlRefusedError("url_port", "The port must be between 1 and 65535.")
    path = parts.path or "/"
    if parts.query:
        path = f"{path}?{parts.query}"
    if not _TARGET.match(path):
        raise UrlRefusedError("url_invalid", "Characters outside ASCII in the path must be percent-encoded.")
    host, address = _parse_host(parts.netloc)
    target = Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path, address)
    if len(target.url) > MAX_URL_LENGTH:
        # The canonical form may be longer: the host in ASCII, and a path that was omitted.
        raise UrlRefusedError("url_too_long", _TOO_LONG)
    return target


def _parse_host(netloc: str) -> tuple[str, Address | None]:
    if netloc.startswith("["):
        return _parse_ipv6(netloc)
    host = netloc.rpartition(":")[0] if ":" in netloc else netloc
    if ":" in host or not host:
        raise UrlRefusedError("url_host", "This URL names no host.")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise UrlRefusedError("url_host", "The host is not a valid international name.") from None
    host = host.lower()
    labels = host.split(".")
    if _LOOKS_NUMERIC.match(labels[-1]) or (
        labels[-1] == "" and len(labels) > 1 and _LOOKS_NUMERIC.match(labels[-2])
    ):
        try:
            address = ipaddress.IPv4Address(host)
        except ValueError:
            raise UrlRefusedError(
                "url_host", "An IPv4 address is written as four decimal numbers, like 203.0.113.7."
            ) from None
        return str(address), address
    if len(host) > 253 or not all(_LABEL.match(label) for label in labels):
        raise UrlRefusedError("url_host", "The host is not a valid name.")
    return host, None


def _parse_ipv6(netloc: str) -> tuple[str, Address]:
    inside, closed, rest = netloc[1:].partition("]")
    try:
        if not closed or "%" in inside or (rest and not rest.startswith(":")):
            raise ValueError(netloc)
        address = ipaddress.IPv6Address(inside)
    except ValueError:
        raise UrlRefusedError(
            "url_host", "The IPv6 address is not valid (zone ids are not accepted)."
        ) from None
    return str(address), address
