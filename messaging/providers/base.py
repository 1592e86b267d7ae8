"""The interface of providers."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Literal, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage

from core.tenancy import Tenant
from core.values import ids
from messaging.attachments import Attachment
from messaging.signing import Signer

# The time limit of a provider call in seconds.
CALL_SECONDS = 30

# Possible results for a recipient. `deferred` is a temporary failure that will be retried.
SendOutcome = Literal["sent", "delivered", "bounced", "complained", "failed", "suppressed", "deferred"]


@dataclass(frozen=True, slots=True)
class Target:
    """A recipient of the call."""

    recipient_id: uuid.UUID
    address: str
    name: str = ""
    kind: str = "to"


@dataclass(frozen=True, slots=True)
class Proof:
    """Proof that a message may be sent as `sender`. Only created by messaging.services.senders, for this particular sender.

    `signer` signs it if the provider does not. Bounces may go to `return_host`, a subdomain of the sender's domain.
    """

    sender: str
    signer: Signer | None = None
    return_host: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A provider call: the message and its pending recipients.

    `shown` are all recipients of the message, including those that already have it, so that headers do not change in retries.
    """

    message_id: uuid.UUID
    tenant: Tenant
    channel: str
    sender: str
    targets: tuple[Target, ...]
    shown: tuple[Target, ...] = ()
    reply_to: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    tags: tuple[str, ...] = ()
    created: float = 0.0  # seconds since the epoch
    proof: Proof | None = None
    # (code, message) if its recipients may no longer be contacted.
    refusal: tuple[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    unsubscribe_url: str = ""  # only for bulk email, which has a single target

    @property
    def is_proved(self) -> bool:
        """Whether the message may be sent as its sender. Always true in test mode, where nothing is sent."""
        return self.tenant.mode == "test" or (self.proof is not None and self.proof.sender == self.sender)

    @property
    def public_id(self) -> str:
        """The message's TypeID."""
        return ids.encode("msg", self.message_id)

    @property
    def header_id(self) -> str:
        """The Message-ID. The same for every attempt, so that receivers can drop duplicates."""
        host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
        return f"<{self.public_id}@{host}>"


@dataclass(frozen=True, slots=True)
class Result:
    """The result for one recipient. `suppress`: add the bounced address to the suppression list."""

    recipient_id: uuid.UUID
    outcome: SendOutcome
    code: str = ""
    detail: str = ""
    provider_id: str = ""
    suppress: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """A message's price. Without `amount`, it is not known yet, or `problem` (a code) says why it could not be read."""

    amount: Decimal | None = None
    currency: str = ""
    problem: str = ""


class Provider(Protocol):
    """A provider. `send` is called outside any transaction, from many threads concurrently."""

    name: ClassVar[str]

    @staticmethod
    def carries(channel: str) -> bool:
        """Return whether the provider supports `channel`."""

    @staticmethod
    def check_settings() -> Iterable[CheckMessage]:
        """Return what is wrong with the provider's own settings. Called at start-up if a channel uses it.

        Each has the next ID that no other file uses (`pomelo.E0…`), so that silencing one silences nothing else.
        """

    def send(self, envelope: Envelope) -> list[Result]:
        """Send the message and return one result per target. Expected failures are results, not exceptions."""


class PricedProvider(Provider, Protocol):
    """A provider that reports prices some time after sending."""

    def read_price(self, provider_id: str) -> Price:
        """Return the price of a message. Called like `send`. Expected failures are `problem`s, not exceptions."""


def is_temporary(status: int) -> bool:
    """Return whether an HTTP error is worth retrying.

    401 and 403 can be fixed by the operator; 408, 425, 429 and 5xx are temporary; any other 4xx means that the call is invalid.
    """
    return status in (401, 403, 408, 425, 429) or not 400 <= status < 500


def same_for_all(
    envelope: Envelope, outcome: SendOutcome, *, code: str = "", detail: str = "", provider_id: str = ""
) -> list[Result]:
    """Return the same result for every target of the call."""
    return [
        Result(target.recipient_id, outcome, code=code, detail=detail[:500], provider_id=provider_id)
        for target in envelope.targets
    ]
