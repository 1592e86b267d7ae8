"""Checks invoices and credit notes for the details that the seller's country requires before they are issued."""

from collections.abc import Iterator
from typing import Any

from billing.export.coverage import characters_of, unprintable
from billing.export.emoji import characters_in
from billing.tax_ids import EU_MEMBERS, OF_EU_SELLERS
from core.errors import DomainError, FieldError, FieldErrors

_ADDRESS = ("line1", "city", "country")


def check_document(
    *,
    seller: dict[str, Any],
    buyer: dict[str, Any],
    written: dict[str, Any],
    mode: str,
    refusal: type[DomainError],
) -> list[dict[str, str]]:
    """Return the problems that prevent issuing a document, by field; in live mode, raise `refusal` if there are any.

    `seller` and `buyer` are the snapshots to be stored, `written` are the document's own texts by field.
    """
    problems = FieldErrors(
        [
            *missing_on_document(seller, buyer),
            *_unprintable({"seller": seller, "customer": buyer, **written}),
        ]
    )
    if problems.fields and mode == "live":
        raise refusal(problems.detail, facts=problems.facts)
    found: list[dict[str, str]] = problems.facts["fields"]
    return found


def missing_on_document(seller: dict[str, Any], buyer: dict[str, Any]) -> list[FieldError]:
    """Return the missing details of `seller` and `buyer` (their snapshots), by field.

    Every invoice and credit note needs the seller's address. In the European Union it also needs the seller's postal code and
    tax identifier, and under the reverse charge the buyer's (Directive 2006/112/EC, article 226 (3) to (5)).
    """
    missing = (
        [] if seller.get("legal_name") else [_missing("seller.legal_name", "Enter the seller's legal name.")]
    )
    address = seller.get("address") or {}
    is_eu = address.get("country") in EU_MEMBERS
    missing += [
        _missing(f"seller.address.{part}", "Every invoice must show the seller's address.")
        for part in (*_ADDRESS, *(("postal_code",) if is_eu else ()))
        if not address.get(part)
    ]
    if not is_eu:
        return missing
    if not any(each["type"] in OF_EU_SELLERS for each in seller.get("tax_ids") or []):
        text = "A seller in the European Union needs a VAT ID (or its national tax number) on every invoice."
        missing.append(_missing("seller.tax_ids", text))
    if buyer.get("tax_exempt") == "reverse" and not buyer.get("tax_ids"):
        text = "A reverse-charge invoice must show the buyer's VAT ID."
        missing.append(_missing("customer.tax_ids", text))
    return missing


def _unprintable(values: dict[str, Any]) -> list[FieldError]:
    """Return errors for texts in `values` with characters that no font can render as one glyph."""
    missing = unprintable(characters_of(values))
    return [
        FieldError(
            field,
            "unprintable",
            f"No installed font has {', '.join(map(_code_points, found))}, so the document would not show it.",
        )
        for field, text in (_texts(values) if missing else ())
        if (found := [each for each in dict.fromkeys(characters_in(text)) if each in missing])
    ]


def _code_points(character: str) -> str:
    return " ".join(f"U+{ord(each):04X}" for each in character)


def _texts(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string in nested values with its path: ("seller.address.city", "Berlin")."""
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
