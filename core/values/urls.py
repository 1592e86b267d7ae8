"""Reads the URLs of settings, which an operator may have mistyped: nothing here raises."""

from urllib.parse import SplitResult, urlsplit


def split_url(text: str) -> SplitResult | None:
    """Split a URL; None if its brackets are not those of an IPv6 address. The port may still be no number (`has_valid_port`)."""
    try:
        return urlsplit(text)
    except ValueError:
        return None


def has_valid_port(parts: SplitResult) -> bool:
    """Return whether the port is left out or a number from 1 to 65535. urllib raises only when it is read."""
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def is_http_url(text: str) -> bool:
    """Return whether `text` is an http:// or https:// URL with a host."""
    parts = split_url(text)
    if parts is None or not has_valid_port(parts):
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
