"""Validates and normalizes customer fields, for the API, forms and commands alike."""

import re
from typing import Any

import phonenumbers

from billing.languages import Language
from billing.models import Customer
from billing.services.party_fields import clean_address, clean_each, clean_tax_ids
from core.errors import FieldError, FieldErrors
from core.values.email_addresses import parse_email
from core.values.metadata import clean_metadata
from core.values.texts import clean_name

MAX_NAME = 200
MAX_EXTERNAL_ID = 100
# phonenumbers ignores text around a number and drops extensions; nothing that was sent may be lost.
PHONE = r"\+[0-9 ()./-]{2,31}"
_NOT_A_NUMBER = "Use international format, such as +4930123456."


def clean_customer_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` in normalized form. Raises FieldErrors naming every invalid field."""
    cleaned = dict(fields)
    refused = clean_each(cleaned, name=_name, email=_email, phone=_phone, external_id=clean_external_id)
    if "metadata" in cleaned:
        cleaned["metadata"], wrong = clean_metadata(cleaned["metadata"])
        refused += wrong
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
    if refused:
        raise FieldErrors(refused)
    return cleaned


def clean_external_id(text: str | None) -> str | None:
    """Return an external id in the form it is stored and compared in (NFC), or None. Raises ValueError."""
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
        raise ValueError("This is not a valid number.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
