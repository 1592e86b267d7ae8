"""Logos on pages."""

from base64 import b64encode

from billing.models import SellerLogo


def logo_address(logo: SellerLogo | None) -> str:
    """Return a logo as a `data:` address, so that no page has to ask for it by one that others could try; "" for none."""
    return f"data:{logo.content_type};base64,{b64encode(logo.content).decode()}" if logo else ""
