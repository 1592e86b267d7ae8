"""The interface of a channel: its addresses, the requirements of its messages, and its limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from billing.entitlements import Limits
from billing.models import Customer
from core.errors import FieldError
from messaging.attachments import Attachment


class InvalidAddress(ValueError):
    """The text is not an address of the channel. `code` is stable, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Address:
    """An address, with the canonical form that equivalent addresses share."""

    address: str
    normalized: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """The content fields of a message, some of which a channel may require or not support."""

    sender: str = ""
    reply_to: Sequence[str] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    bulk: str = ""
    attachments: Sequence[Attachment] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checked:
    """Validated content, with addresses in the form in which they are used."""

    sender: str
    reply_to: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


class Channel(Protocol):
    """One way to reach people. Instances are stateless."""

    name: ClassVar[str]
    # The display name (`messaging.channels.label_of`).
    label: ClassVar[str]
    # The scope for sending on this channel only.
    scope: ClassVar[str]
    # Whether one provider call has all recipients (who see each other), or there is one call per recipient.
    together: ClassVar[bool]
    # The allowed senders of live messages: a verified domain, a sender approved by staff, or, if callers cannot choose, the
    # operator's own (messaging.services.senders).
    senders: ClassVar[Literal["proved", "approved", "operator"]]
    # JSON Schema for the OpenAPI document: of an address, and of a message beyond what all channels share.
    address_schema: ClassVar[dict[str, Any]]
    message_schema: ClassVar[dict[str, Any]]
    # The fields that the channel does not support.
    unknown_parts: ClassVar[tuple[str, ...]]

    def parse(self, text: str) -> Address:
        """Parse an address. Raises InvalidAddress."""

    def check(self, content: Content) -> Checked:
        """Validate the content. Raises core.errors.FieldErrors with every invalid field."""

    def customer_address(self, customer: Customer) -> str:
        """Return the customer's address on this channel, or an empty string."""

    def daily_cap(self, limits: Limits) -> int:
        """Return the daily cap of recipients (UTC)."""

    def magic_outcome(self, normalized: str) -> str | None:
        """Return the status that test mode simulates for a magic address, or None for other addresses."""


def refuse_unknown(content: Content, names: Sequence[str], channel: str) -> list[FieldError]:
    """Return an error for each field of `names` that has a value but is not supported by the channel."""
    return [
        FieldError(
            "from" if name == "sender" else name,
            "not_supported",
            f"{channel} messages do not have this field.",
        )
        for name in names
        if getattr(content, name)
    ]
