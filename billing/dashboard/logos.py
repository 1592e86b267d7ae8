"""Logos on pages."""

from base64 import b64encode

from billing.models import SellerLogo


def logo_address(logo: SellerLogo | None) -> str:
    """Return a logo as a `data:` URL, so that no page needs a URL that others could guess; "" for none."""
    return f"data:{logo.content_type};base64,{b64encode(logo.content).decode()}" if logo else ""
