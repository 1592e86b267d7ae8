"""The product's only HTTP client: calls to addresses that others chose, without opening the house to them.

`send(request, policy)` waits for the answer; `client.OutboundClient` makes many calls at a time in an event loop. It is not imported
here: aiohttp takes several MiB, which a web process that calls nobody does without.
`public_policy()` is for addresses a company named, `TRUSTED` for those only the operator can name.
"""

from core.outbound.blocking import send
from core.outbound.calls import OutboundRequest, OutboundResponse
from core.outbound.errors import (
    ConnectionFailedError,
    InvalidAnswerError,
    OutboundError,
    TimedOutError,
    TlsFailedError,
    UrlRefusedError,
)
from core.outbound.policy import TRUSTED, OutboundPolicy, check_url, public_policy

__all__ = [
    "TRUSTED",
    "ConnectionFailedError",
    "InvalidAnswerError",
    "OutboundError",
    "OutboundPolicy",
    "OutboundRequest",
    "OutboundResponse",
    "TimedOutError",
    "TlsFailedError",
    "UrlRefusedError",
    "check_url",
    "public_policy",
    "send",
]
