"""What a channel must know: how its addresses look, what a message on it needs, and what limits it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from billing.entitlements import Limits
from billing.models import Customer
from core.errors import FieldError
from messaging.attachments import Attachment


class InvalidAddress(ValueError):
    """The text is no address of the channel; `code` is stable, the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Address:
    """An address as it will be used, with the spelling that equal addresses share."""

    address: str
    normalized: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be said, and by whom: the fields of a message that a channel may want or not know."""

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
    """A content that a channel accepts, with its addresses in the spelling they will be used in."""

    sender: str
    reply_to: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


class Channel(Protocol):
    """One way to reach people. Instances are stateless."""

    name: ClassVar[str]
    # What people call it, as every page writes it (`messaging.channels.label_of`).
    label: ClassVar[str]
    # The scope that lets a key send on this channel only.
    scope: ClassVar[str]
    # Whether one call to the provider carries all recipients (they see each other) or one each.
    together: ClassVar[bool]
    # Whom a live message may come from: a domain that the company has proved, a sender that staff have approved, or, where the
    # caller has no say in it, the operator's own (messaging.services.senders).
    senders: ClassVar[Literal["proved", "approved", "operator"]]
    # For the OpenAPI document, what JSON Schema can say of an address, and of a message beyond what all channels share.
    address_schema: ClassVar[dict[str, Any]]
    message_schema: ClassVar[dict[str, Any]]
    # The parts of a message that the channel does not know.
    unknown_parts: ClassVar[tuple[str, ...]]

    def parse(self, text: str) -> Address:
        """Return the address in `text`; raises InvalidAddress."""

    def check(self, content: Content) -> Checked:
        """Return the checked content; raises core.errors.FieldErrors naming every refused field."""

    def customer_address(self, customer: Customer) -> str:
        """Return the customer's address on this channel, "" when there is none."""

    def daily_cap(self, limits: Limits) -> int:
        """Return how many recipients a company may reach in one UTC day."""

    def magic_outcome(self, normalized: str) -> str | None:
        """Return what test mode answers for a magic address: a status; None for any other address."""


def refuse_unknown(content: Content, names: Sequence[str], channel: str) -> list[FieldError]:
    """Return an error for each field of `names` that has a value although the channel does not know it."""
    return [
        FieldError(
            "from" if name == "sender" else name,
            "not_supported",
            f"{channel} messages do not have this field.",
        )
        for name in names
        if getattr(content, name)
    ]
