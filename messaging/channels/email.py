"""Email: RFC 5322 addresses, subject, text and HTML. Refuses anything that could be used for header injection."""

from django.conf import settings

from billing.entitlements import Limits
from billing.models import Customer
from core.errors import FieldError, FieldErrors
from core.values.email_addresses import (
    MISLEADING_NAME,
    InvalidEmail,
    Mailbox,
    is_misleading,
    parse_mailbox,
    shown_name,
)
from core.values.texts import CONTROL_CHARACTERS, has_controls, is_visible, on_one_line
from messaging.attachments import find_problems
from messaging.channels.base import Address, Checked, Content, InvalidAddress
from messaging.custom_headers import RefusedHeader, clean_header

MAX_BODY_BYTES = 512_000
MAX_REPLY_TO = 10
TEST_DOMAIN = "test.pomelo.dev"
MAGIC = {
    "delivered": "delivered",
    "bounced": "bounced",
    "complained": "complained",
    "suppressed": "suppressed",
    "failed": "failed",
}

# For JSON Schema: no control characters. A pattern cannot validate the parts around the @.
_PLAIN = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]"
_ADDRESS = f"^{_PLAIN}+@{_PLAIN}+$"
_SUBJECT = f"^{_PLAIN}*{_PLAIN[:-1]}\\s]{_PLAIN}*$"


class Email:
    """The channel `email`."""

    name = "email"
    label = "Email"
    scope = "email:send"
    together = True
    senders = "proved"
    address_schema = {"pattern": _ADDRESS}
    message_schema = {
        "properties": {"subject": {"pattern": _SUBJECT}, "from": {"pattern": _ADDRESS}},
        "required": ["channel"],
    }
    unknown_parts = ()

    def parse(self, text: str) -> Address:
        """Accept `ada@example.com` and `Ada Lovelace <ada@example.com>`; raises InvalidAddress.

        A display name that repeats the address, as some address books write it, is dropped.
        """
        try:
            found = parse_mailbox(text)
        except InvalidEmail as error:
            raise InvalidAddress(error.code, str(error)) from error
        name = "" if found.name.lower() == found.normalized else found.name
        if is_misleading(name, address=found.address):
            raise InvalidAddress("misleading_name", MISLEADING_NAME)
        return Address(address=found.address, normalized=found.normalized, name=name)

    def check(self, content: Content) -> Checked:
        """Require a sender, a subject, a body, and valid attachments. Raises FieldErrors."""
        problems: list[FieldError] = []
        sender = self._header_address("from", content.sender or settings.MESSAGING_EMAIL_FROM, problems)
        reply_to = [
            self._header_address(f"reply_to.{index}", text, problems)
            for index, text in enumerate(content.reply_to)
        ]
        if len(reply_to) > MAX_REPLY_TO:
            problems.append(
                FieldError("reply_to", "too_many", f"At most {MAX_REPLY_TO} addresses are accepted.")
            )
        if not is_visible(content.subject):
            problems.append(FieldError("subject", "required", "An email needs a subject."))
        elif has_controls(content.subject):
            problems.append(FieldError("subject", "control_character", CONTROL_CHARACTERS))
        if not content.text and not content.html:
            problems.append(FieldError("text", "required", "Send `text`, `html` or both."))
        problems += [
            FieldError(name, "too_long", f"At most {MAX_BODY_BYTES} bytes are accepted.")
            for name in ("text", "html")
            if len(getattr(content, name).encode()) > MAX_BODY_BYTES
        ]
        problems += find_problems(content.attachments)
        headers = self._headers(content, problems)
        if problems:
            raise FieldErrors(problems)
        return Checked(sender=sender, reply_to=reply_to, headers=headers)

    def customer_address(self, customer: Customer) -> str:
        """Return the customer's email address, with the name if it fits in a header."""
        name = shown_name(on_one_line(customer.name), address=customer.email)
        return str(Mailbox(customer.email, name)) if customer.email else ""

    def daily_cap(self, limits: Limits) -> int:
        """Return the tier's daily cap for email."""
        return limits.email_per_day

    def magic_outcome(self, normalized: str) -> str | None:
        """Handle `delivered@test.pomelo.dev` and similar addresses, with an optional `+label`."""
        local, _, domain = normalized.rpartition("@")
        return MAGIC.get(local.partition("+")[0]) if domain == TEST_DOMAIN else None

    def _headers(self, content: Content, problems: list[FieldError]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in content.headers.items():
            try:
                spelled, cleaned = clean_header(name, value)
            except RefusedHeader as error:
                problems.append(FieldError(f"headers.{name[:100]}", error.code, str(error)))
                continue
            if spelled in found:
                problems.append(FieldError(f"headers.{name}", "duplicate", "This header is named twice."))
            found[spelled] = cleaned
        return found

    def _header_address(self, field: str, text: str, problems: list[FieldError]) -> str:
        try:
            parsed = self.parse(text)
        except InvalidAddress as error:
            problems.append(FieldError(field, error.code, str(error)))
            return ""
        return str(Mailbox(parsed.address, parsed.name))


CHANNEL = Email()
