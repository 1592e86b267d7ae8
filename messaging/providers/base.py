"""What every provider is given and what it answers. Another provider is one more file beside this one."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Literal, Protocol
from urllib.parse import urlsplit

from django.conf import settings

from core.tenancy import Tenant
from core.values import ids
from messaging.attachments import Attachment
from messaging.signing import Signer

# A provider's call must have ended after this many seconds, answered or not.
CALL_SECONDS = 30

# What may become of a recipient in a call; `deferred` is a temporary failure, tried again later.
SendOutcome = Literal["sent", "delivered", "bounced", "complained", "failed", "suppressed", "deferred"]


@dataclass(frozen=True, slots=True)
class Target:
    """One recipient that the call is to reach."""

    recipient_id: uuid.UUID
    address: str
    name: str = ""
    kind: str = "to"


@dataclass(frozen=True, slots=True)
class Proof:
    """Why a message may be handed over as `sender`: given by messaging.services.senders alone, for this very sender.

    `signer` signs it where the provider does not; bounces may go to `return_host`, which is below the sender's domain.
    """

    sender: str
    signer: Signer | None = None
    return_host: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One call to a provider: the message and those of its recipients who still have to get it.

    `shown` are all recipients of the message, also those that have it already: the headers must not change between tries.
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
    # (code, what people read) where its recipients may not be reached any more.
    refusal: tuple[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    unsubscribe_url: str = ""  # of bulk mail only, and of its one target

    @property
    def is_proved(self) -> bool:
        """Whether it was proved that the message may come from its sender. In test mode nothing leaves."""
        return self.tenant.mode == "test" or (self.proof is not None and self.proof.sender == self.sender)

    @property
    def public_id(self) -> str:
        """The message's TypeID."""
        return ids.encode("msg", self.message_id)

    @property
    def header_id(self) -> str:
        """The Message-ID: the same at every try, so that a receiver can drop what it got twice."""
        host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
        return f"<{self.public_id}@{host}>"


@dataclass(frozen=True, slots=True)
class Result:
    """What a provider said about one recipient. `suppress` asks to put a bounced address on the list."""

    recipient_id: uuid.UUID
    outcome: SendOutcome
    code: str = ""
    detail: str = ""
    provider_id: str = ""
    suppress: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """What a message cost, as its provider says; no `amount`: it does not say so yet, or `problem` (a code) says why it cannot be read."""

    amount: Decimal | None = None
    currency: str = ""
    problem: str = ""


class Provider(Protocol):
    """A way out. `send` is called outside of any transaction, by many threads at once."""

    name: ClassVar[str]

    @staticmethod
    def carries(channel: str) -> bool:
        """Tell whether messages of `channel` can be sent this way."""

    def send(self, envelope: Envelope) -> list[Result]:
        """Hand the message over; return one result per target. Expected failures are results, not exceptions."""


class PricedProvider(Provider, Protocol):
    """A way out that says, some time after the sending, what it has cost."""

    def read_price(self, provider_id: str) -> Price:
        """Return what a message has cost. Called like `send`; expected failures are problems of the price, not exceptions."""


def is_temporary(status: int) -> bool:
    """Tell whether a refusal by HTTP `status` is worth another try.

    401 and 403 are the operator's to mend, 408, 425, 429 and 5xx pass by themselves; any other 4xx says the call is wrong.
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
