"""What the fields of a customer may hold, whoever sets them: the API, a form or a command."""

import re
from typing import Any

import phonenumbers

from core.countries import COUNTRIES
from core.errors import FieldError, FieldErrors

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
    for name, clean in (("name", _name), ("phone", _phone), ("external_id", _external_id)):
        if name in cleaned:
            try:
                cleaned[name] = clean(cleaned[name])
            except ValueError as error:
                refused.append(FieldError(name, "invalid", str(error)))
    if "email" in cleaned:
        cleaned["email"] = (cleaned["email"] or "").strip()
    if "address" in cleaned:
        cleaned["address"] = {part: text for part, text in (cleaned["address"] or {}).items() if text} or None
        country = (cleaned["address"] or {}).get("country")
        if country is not None and country not in COUNTRIES:
            message = "Use an ISO 3166-1 alpha-2 code such as DE."
            refused.append(FieldError("address.country", "invalid", message))
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


def _name(text: str) -> str:
    if not text.strip():
        raise ValueError("This field may not be blank.")
    return text.strip()


def _external_id(text: str | None) -> str | None:
    return text or None


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
