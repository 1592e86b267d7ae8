"""What may be said about a call that did not work.

An address a person types in is a question put to our network, so the answers are few and dull: a name that does
not exist, one that points into the private network and a port that is closed all read `connection_failed`. What
really happened goes to the operator's log only (`OutboundError.internal`).
"""

from __future__ import annotations


class UrlRefusedError(ValueError):
    """A URL that is refused by its text alone, before any name is looked up; safe to show to whoever typed it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class OutboundError(Exception):
    """A call that brought no complete answer. `kind` and `public` are for everybody, `internal` for the operator."""

    kind = "failed"
    public = "The call failed."

    def __init__(self, internal: str = "") -> None:
        super().__init__(internal or self.public)
        self.internal = internal


class ConnectionFailedError(OutboundError):
    """No connection: no such name, a forbidden address, a refused or broken connection. Never says which."""

    kind = "connection_failed"
    public = "No connection could be made to this address."


class TimedOutError(OutboundError):
    """Connecting took longer than the connect timeout, or the whole exchange longer than the total deadline."""

    kind = "timed_out"
    public = "The receiver did not answer in time."


class TlsFailedError(OutboundError):
    """The TLS handshake failed: an invalid certificate, a wrong name or no common version."""

    kind = "tls_failed"
    public = "The TLS handshake failed; check the certificate and its chain."


class InvalidAnswerError(OutboundError):
    """The receiver answered with something that is not HTTP, or with more headers than are accepted."""

    kind = "invalid_response"
    public = "The receiver's answer is not valid HTTP."
