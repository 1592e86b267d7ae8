"""SMS: numbers in E.164, a text of at most ten segments, no subject and no HTML."""

import re

import phonenumbers
from django.conf import settings

from billing.entitlements import Limits
from billing.models import Customer
from core.api.patterns import NOT_BLANK
from core.errors import FieldError, FieldErrors
from messaging.channels.base import Address, Checked, Content, InvalidAddress, refuse_unknown

MAX_TEXT = 1600
# Twilio's test numbers, with the same meaning (https://www.twilio.com/docs/iam/test-credentials).
MAGIC = {
    "+15005550006": "delivered",
    "+15005550001": "failed",
    "+15005550002": "failed",
    "+15005550004": "suppressed",
    "+15005550009": "bounced",
}

# phonenumbers ignores text around a number, but an address must be only a number.
_NUMBER = r"\+[0-9 ().-]{6,30}"
# Number types whose owners earn money per call or message.
_DEAR = frozenset({phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST})
_ALPHANUMERIC_SENDER = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
SENDER_FORM = "Use a number in international format or a name of up to 11 letters and digits."
_NOT_A_NUMBER = "Use international format, such as +4930123456."


class Sms:
    """The channel `sms`."""

    name = "sms"
    label = "SMS"
    scope = "sms:send"
    together = False
    senders = "approved"
    address_schema = {"pattern": f"^{_NUMBER}$"}
    message_schema = {
        "properties": {
            "to": {"examples": [["+4915112345678"]]},
            "text": {"maxLength": MAX_TEXT, "pattern": NOT_BLANK},
            "from": {"pattern": rf"^({_NUMBER}|(?=.{{1,11}}$)[A-Za-z0-9 ]*[A-Za-z][A-Za-z0-9 ]*)$"},
        },
        "required": ["channel"],
    }
    unknown_parts = ("subject", "html", "reply_to", "cc", "bcc", "bulk", "attachments", "headers")

    def parse(self, text: str) -> Address:
        """Accept a possible number in international format. Raises InvalidAddress."""
        if not re.fullmatch(_NUMBER, text.strip(" ")):
            raise InvalidAddress("invalid_phone_number", _NOT_A_NUMBER)
        try:
            number = phonenumbers.parse(text, None)
        except phonenumbers.NumberParseException as error:
            raise InvalidAddress("invalid_phone_number", _NOT_A_NUMBER) from error
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if number.extension or not phonenumbers.is_valid_number(number):
            raise InvalidAddress("invalid_phone_number", "This is not a valid number.")
        if phonenumbers.number_type(number) in _DEAR:
            raise InvalidAddress(
                "premium_number", "This is a premium-rate number, which cannot be a recipient."
            )
        return Address(address=e164, normalized=e164)

    def check(self, content: Content) -> Checked:
        """Require a text and a sender. Raises FieldErrors."""
        problems = refuse_unknown(content, self.unknown_parts, "SMS")
        if not content.text.strip():
            problems.append(FieldError("text", "required", "An SMS needs a text."))
        elif len(content.text) > MAX_TEXT:
            problems.append(FieldError("text", "too_long", f"At most {MAX_TEXT} characters are accepted."))
        sender = clean_sender(content.sender or settings.MESSAGING_SMS_FROM)
        if sender is None:
            problems.append(FieldError("from", "invalid_sender", SENDER_FORM))
        if problems or sender is None:
            raise FieldErrors(problems)
        return Checked(sender=sender)

    def customer_address(self, customer: Customer) -> str:
        """Return the customer's phone number."""
        return customer.phone

    def daily_cap(self, limits: Limits) -> int:
        """Return the tier's daily cap for SMS."""
        return limits.sms_per_day

    def magic_outcome(self, normalized: str) -> str | None:
        """Handle Twilio's test numbers."""
        return MAGIC.get(normalized)


def clean_sender(text: str) -> str | None:
    """Return a sender: a number in E.164, or a name of up to 11 letters and digits. Returns None for anything else."""
    if _ALPHANUMERIC_SENDER.fullmatch(text):
        return text
    try:
        return CHANNEL.parse(text).address
    except InvalidAddress:
        return None


def country_of(number: str) -> str:
    """Return the country of a number in E.164; empty for numbers without one (satellites, +800)."""
    return phonenumbers.region_code_for_number(phonenumbers.parse(number, None)) or ""


CHANNEL = Sms()
