"""Email: RFC 5322 addresses, a subject, text and HTML. Whatever could break out of a header is refused here."""

import re
from email.errors import HeaderParseError
from email.headerregistry import Address as HeaderAddress
from email.utils import formataddr, parseaddr

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from billing.entitlements import Limits
from billing.models import Customer
from core.errors import FieldError, FieldErrors
from messaging.channels.base import Address, Checked, Content, InvalidAddress

MAX_ADDRESS = 254
MAX_LOCAL_PART = 64
MAX_NAME = 200
MAX_BODY_BYTES = 512_000
TEST_DOMAIN = "test.pomelo.dev"
MAGIC = {
    "delivered": "delivered",
    "bounced": "bounced",
    "complained": "complained",
    "suppressed": "suppressed",
    "failed": "failed",
}

# RFC 5322 forbids control characters in header values; line breaks would begin a header of the sender's choosing.
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_valid = EmailValidator()
# The same as JSON Schema writes it; what stands around the @ is more than a pattern can judge.
_PLAIN = r"[^\u0000-\u001f\u007f\u0085\u2028\u2029]"
_ADDRESS = f"^{_PLAIN}+@{_PLAIN}+$"
_SUBJECT = f"^{_PLAIN}*{_PLAIN[:-1]}\\s]{_PLAIN}*$"


class Email:
    """The channel `email`."""

    name = "email"
    label = "Email"
    scope = "email:send"
    together = True
    address_schema = {"pattern": _ADDRESS}
    message_schema = {
        "properties": {"subject": {"pattern": _SUBJECT}, "from": {"pattern": _ADDRESS}},
        "required": ["channel", "subject"],
    }
    unknown_parts = ()

    def parse(self, text: str) -> Address:
        """Accept `ada@example.com` and `Ada Lovelace <ada@example.com>`; raises InvalidAddress."""
        if _CONTROL.search(text):
            raise InvalidAddress(
                "control_character", "Must not contain line breaks or other control characters."
            )
        name, address = _split(text.strip())
        local, _, domain = address.rpartition("@")
        if not local or len(local) > MAX_LOCAL_PART or not local.isascii():
            raise InvalidAddress("invalid_email", "This is not an email address.")
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
            address = f"{local}@{domain}"
            _valid(address)
        except (idna.IDNAError, ValidationError) as error:
            raise InvalidAddress("invalid_email", "This is not an email address.") from error
        if len(address) > MAX_ADDRESS:
            raise InvalidAddress("invalid_email", f"An address has at most {MAX_ADDRESS} characters.")
        return Address(address=address, normalized=address.lower(), name=name)

    def check(self, content: Content) -> Checked:
        """Require a sender, a subject and a body; raises FieldErrors."""
        problems: list[FieldError] = []
        sender = self._header_address("from", content.sender or settings.MESSAGING_EMAIL_FROM, problems)
        reply_to = [
            self._header_address(f"reply_to.{index}", text, problems)
            for index, text in enumerate(content.reply_to)
        ]
        if not content.subject.strip():
            problems.append(FieldError("subject", "required", "An email needs a subject."))
        elif _CONTROL.search(content.subject):
            problems.append(
                FieldError(
                    "subject",
                    "control_character",
                    "Must not contain line breaks or other control characters.",
                )
            )
        if not content.text and not content.html:
            problems.append(FieldError("text", "required", "Give `text`, `html` or both."))
        problems += [
            FieldError(name, "too_long", f"At most {MAX_BODY_BYTES} bytes are accepted.")
            for name in ("text", "html")
            if len(getattr(content, name).encode()) > MAX_BODY_BYTES
        ]
        if problems:
            raise FieldErrors(problems)
        return Checked(sender=sender, reply_to=reply_to)

    def customer_address(self, customer: Customer) -> str:
        """Return the customer's email."""
        return formataddr((customer.name, customer.email)) if customer.email else ""

    def daily_cap(self, limits: Limits) -> int:
        """Return the tier's emails a day."""
        return limits.email_per_day

    def magic_outcome(self, normalized: str) -> str | None:
        """Answer for `delivered@test.pomelo.dev` and the like; a `+label` tells them apart."""
        local, _, domain = normalized.rpartition("@")
        return MAGIC.get(local.partition("+")[0]) if domain == TEST_DOMAIN else None

    def _header_address(self, field: str, text: str, problems: list[FieldError]) -> str:
        try:
            parsed = self.parse(text)
        except InvalidAddress as error:
            problems.append(FieldError(field, error.code, str(error)))
            return ""
        return formataddr((parsed.name, parsed.address)) if parsed.name else parsed.address


def _split(text: str) -> tuple[str, str]:
    """Return the display name and the address; raises InvalidAddress unless there is exactly one address."""
    if "<" not in text and ">" not in text:
        return "", text
    name, address = parseaddr(text)
    # parseaddr is forgiving; what it understood must be all there was: `Name <address>` and nothing after it.
    if not address or not text.endswith(f"<{address}>") or len(name) > MAX_NAME:
        raise InvalidAddress("invalid_email", "Write `ada@example.com` or `Ada Lovelace <ada@example.com>`.")
    try:
        HeaderAddress(display_name=name, addr_spec=address if address.isascii() else "")
    except (ValueError, HeaderParseError, IndexError) as error:
        raise InvalidAddress("invalid_email", "This is not an email address.") from error
    return name, address


CHANNEL = Email()
