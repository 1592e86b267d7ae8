"""What the fields of a customer may hold, whoever sets them: the API, a form or a command."""

import re
from collections.abc import Mapping
from typing import Any

import phonenumbers

from billing.languages import Language
from billing.models import Customer
from billing.services.party_fields import clean_address, clean_tax_ids
from core.errors import FieldError, FieldErrors
from core.values.email_addresses import parse_email
from core.values.texts import clean_name, normalize

MAX_NAME = 200
MAX_EXTERNAL_ID = 100
MAX_METADATA = 50
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500
# phonenumbers forgives words around a number and drops an extension; what is stored has to be all that was sent.
PHONE = r"\+[0-9 ()./-]{2,31}"
_NOT_A_NUMBER = "Use the international form, such as +4930123456."


def clean_customer_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` in the form they are stored in. Raises FieldErrors naming every field that is refused."""
    refused: list[FieldError] = []
    cleaned = dict(fields)
    for name, clean in (
        ("name", _name),
        ("email", _email),
        ("phone", _phone),
        ("external_id", clean_external_id),
    ):
        if name in cleaned:
            try:
                cleaned[name] = clean(cleaned[name])
            except ValueError as error:
                refused.append(FieldError(name, "invalid", str(error)))
    if "metadata" in cleaned:
        cleaned["metadata"], repeated = normalize_metadata(cleaned["metadata"] or {})
        refused += repeated
    if "address" in cleaned:
        cleaned["address"], wrong = clean_address(cleaned["address"])
        refused += wrong
    if "tax_ids" in cleaned:
        cleaned["tax_ids"], wrong = clean_tax_ids(cleaned["tax_ids"])
        refused += wrong
    if cleaned.get("tax_exempt", "none") not in Customer.TaxExemption.values:
        refused.append(FieldError("tax_exempt", "invalid", "Use none, exempt or reverse."))
    if "preferred_language" in cleaned:
        cleaned["preferred_language"] = cleaned["preferred_language"] or ""
        if cleaned["preferred_language"] not in ("", *Language.values):
            message = f"Use one of {', '.join(Language.values)}."
            refused.append(FieldError("preferred_language", "invalid", message))
    refused += metadata_problems(cleaned.get("metadata") or {})
    if refused:
        raise FieldErrors(refused)
    return cleaned


def metadata_problems(metadata: dict[str, str]) -> list[FieldError]:
    """Return what is wrong with `metadata`: at most 50 names of 1 to 40 characters, texts of at most 500."""
    problems = []
    if len(metadata) > MAX_METADATA:
        problems.append(FieldError("metadata", "too_many", f"At most {MAX_METADATA} entries are accepted."))
    for key, value in metadata.items():
        if not 1 <= len(key) <= MAX_METADATA_KEY:
            problems.append(
                FieldError("metadata", "name", f"A name must have 1 to {MAX_METADATA_KEY} characters.")
            )
        elif not isinstance(value, str) or len(value) > MAX_METADATA_VALUE:
            problems.append(
                FieldError(
                    f"metadata.{key}", "invalid", f"Use a text of at most {MAX_METADATA_VALUE} characters."
                )
            )
    return problems


def clean_metadata(metadata: Mapping[str, str] | None) -> tuple[dict[str, str], list[FieldError]]:
    """Return `metadata` of anything but a customer as it is kept (NFC), and everything that is wrong with it."""
    kept, repeated = normalize_metadata(dict(metadata or {}))
    return kept, repeated + metadata_problems(kept)


def normalize_metadata(metadata: dict[str, str]) -> tuple[dict[str, str], list[FieldError]]:
    """Return `metadata` as it is kept and compared (NFC), and an error for each name that is there in two spellings."""
    kept: dict[str, str] = {}
    problems = []
    for key, value in metadata.items():
        name = normalize(key)
        if name in kept:
            problems.append(
                FieldError(f"metadata.{name}", "duplicate", "This name is there in two spellings.")
            )
        kept[name] = normalize(value) if isinstance(value, str) else value
    return kept, problems


def clean_external_id(text: str | None) -> str | None:
    """Return an identifier of the company's own as it is kept and compared (NFC), None for none. Raises ValueError."""
    return clean_name(text, longest=MAX_EXTERNAL_ID) if text else None


def _name(text: str) -> str:
    return clean_name(text, longest=MAX_NAME)


def _email(text: str | None) -> str:
    return parse_email(text) if text else ""


def _phone(text: str | None) -> str:
    """Return the number in E.164 ("" for none)."""
    if not text:
        return ""
    if not re.fullmatch(PHONE, text):
        raise ValueError(_NOT_A_NUMBER)
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as error:
        raise ValueError(_NOT_A_NUMBER) from error
    if not phonenumbers.is_possible_number(number):
        raise ValueError("This number cannot exist.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
