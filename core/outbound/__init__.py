"""The product's only HTTP client, protected against SSRF: it calls URLs chosen by others without exposing the private network.

`send(request, policy)` blocks until the response; `client.OutboundClient` makes concurrent calls in an event loop. It is not
imported here: aiohttp takes several MiB, which a web process that makes no calls can save.
`public_policy()` is for URLs chosen by a company, `TRUSTED` for those that only the operator can set.
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
