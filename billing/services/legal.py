"""What an invoice has to say before it may be issued: what the seller's country asks of it and is missing."""

from collections.abc import Iterator
from typing import Any

from billing.tax_ids import EU_MEMBERS, OF_EU_SELLERS
from core.errors import FieldError

_ADDRESS = ("line1", "city", "country")


def missing_on_invoice(seller: dict[str, Any], buyer: dict[str, Any]) -> list[FieldError]:
    """Return what is missing of `seller` and `buyer` (their snapshots), by field.

    Every invoice names its seller with an address. From a member of the European Union it has to have the postal code and a
    tax identifier too, and under the reverse charge the buyer's (Directive 2006/112/EC, article 226 (3) to (5)).
    """
    missing = [] if seller.get("legal_name") else [_missing("seller.legal_name", "Say who sells.")]
    address = seller.get("address") or {}
    is_eu = address.get("country") in EU_MEMBERS
    missing += [
        _missing(f"seller.address.{part}", "The seller's address stands on every invoice.")
        for part in (*_ADDRESS, *(("postal_code",) if is_eu else ()))
        if not address.get(part)
    ]
    if not is_eu:
        return missing
    if not any(each["type"] in OF_EU_SELLERS for each in seller.get("tax_ids") or []):
        text = "A seller in the European Union needs a VAT ID (or its national tax number) on every invoice."
        missing.append(_missing("seller.tax_ids", text))
    if buyer.get("tax_exempt") == "reverse" and not buyer.get("tax_ids"):
        text = "Under the reverse charge the buyer's VAT ID stands on the invoice."
        missing.append(_missing("customer.tax_ids", text))
    return missing


def unprintable_on_invoice(
    seller: dict[str, Any], buyer: dict[str, Any], invoice: dict[str, Any]
) -> list[FieldError]:
    """Return the fields of both snapshots and of the invoice whose characters no face has; a document would leave them out."""
    # What reads fonts is heavy, and only an invoice that is issued asks.
    from billing.export.faces import unprintable

    return [
        FieldError(
            field,
            "unprintable",
            f"No font here has {', '.join(f'U+{ord(each):04X}' for each in found)}; the document would not show it.",
        )
        for field, text in _texts({"seller": seller, "customer": buyer, **invoice})
        if (found := unprintable(text))
    ]


def _texts(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in nested values with its path: ("seller.address.city", "Berlin")."""
    for name, value in values.items():
        path = f"{prefix}{name}"
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            yield from _texts(value, f"{path}.")
        elif isinstance(value, list):
            yield from _texts({str(index): each for index, each in enumerate(value)}, f"{path}.")


def _missing(field: str, message: str) -> FieldError:
    return FieldError(field, "required", message)
