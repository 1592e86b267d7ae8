"""What an invoice has to say before it may be issued: what the seller's country asks of it and is missing."""

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


def _missing(field: str, message: str) -> FieldError:
    return FieldError(field, "required", message)
