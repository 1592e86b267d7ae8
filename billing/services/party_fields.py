"""Fields common to sellers and buyers: addresses, tax identifiers, bank details, and merging changes into them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stdnum import bic, iban
from stdnum.exceptions import ValidationError

from billing.tax_ids import MAX_TAX_ID, MAX_TAX_IDS, read_tax_id
from core.errors import FieldError
from core.values.countries import COUNTRIES
from core.values.texts import clean_name

ADDRESS_PARTS = ("line1", "line2", "postal_code", "city", "state", "country")
BANK_PARTS = ("account_holder", "bank_name", "iban", "bic", "account_number", "routing_number")


def merge(before: Mapping[str, Any] | None, change: Mapping[str, Any] | None) -> dict[str, Any]:
    """Merge `change` into `before`: null or "" removes an entry, and null instead of an object removes all of them."""
    if change is None:
        return {}
    merged = {**(before or {}), **change}
    return {name: value for name, value in merged.items() if value not in (None, "")}


def clean_each(values: dict[str, Any], **cleaners: Callable[[Any], Any]) -> list[FieldError]:
    """Clean, in place, those of the named values that are given. Return the errors: a cleaner raises ValueError."""
    problems = []
    for name, clean in cleaners.items():
        if name in values:
            try:
                values[name] = clean(values[name])
            except ValueError as error:
                problems.append(FieldError(name, "invalid", str(error)))
    return problems


def clean_address(
    address: Mapping[str, str] | None, field: str = "address"
) -> tuple[dict[str, str] | None, list[FieldError]]:
    """Return the address with its known parts (or None), and the errors."""
    kept = {part: text for part, text in (address or {}).items() if text} or None
    problems = []
    country = (kept or {}).get("country")
    if country is not None and country not in COUNTRIES:
        message = "Use an ISO 3166-1 alpha-2 code such as DE."
        problems.append(FieldError(f"{field}.country", "invalid", message))
    return kept, problems


def clean_tax_ids(given: Sequence[Mapping[str, str]] | None) -> tuple[list[dict[str, str]], list[FieldError]]:
    """Return tax identifiers in compact form, without duplicates, and the errors."""
    kept: list[dict[str, str]] = []
    problems = []
    if len(given or ()) > MAX_TAX_IDS:
        return [], [FieldError("tax_ids", "too_many", f"At most {MAX_TAX_IDS} are accepted.")]
    for place, each in enumerate(given or ()):
        try:
            if len(each["value"]) > MAX_TAX_ID:
                raise ValueError(f"Use at most {MAX_TAX_ID} characters.")
            found = {"type": each["type"], "value": read_tax_id(each["type"], each["value"])}
        except ValueError as error:
            problems.append(FieldError(f"tax_ids.{place}", "invalid", str(error)))
            continue
        if found not in kept:
            kept.append(found)
    return kept, problems


def clean_bank_details(given: Mapping[str, str] | None) -> tuple[dict[str, str] | None, list[FieldError]]:
    """Return bank details with their known parts, and the errors; IBAN and BIC are validated and compact (ISO 13616, ISO 9362)."""
    kept: dict[str, str] = {}
    problems = []
    for part, text in (given or {}).items():
        if not text:
            continue
        try:
            kept[part] = _bank_part(part, text)
        except ValueError as error:
            problems.append(FieldError(f"bank_details.{part}", "invalid", str(error)))
    return kept or None, problems


def _bank_part(part: str, text: str) -> str:
    rules = {"iban": iban, "bic": bic}.get(part)
    if rules is None:
        return clean_name(text, longest=100)
    try:
        return str(rules.validate(text))
    except ValidationError as error:
        raise ValueError(
            f"This is not a valid {part.upper()}: its format, length or check digits are wrong."
        ) from error
