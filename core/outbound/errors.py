"""The public errors of a failed call.

A URL entered by a user could be used to probe our network, so public errors are deliberately vague: a name that does not
exist, one that resolves into the private network and a closed port are all `connection_failed`. The details go only to the
operator's log (`OutboundError.internal`).
"""

from __future__ import annotations


class UrlRefusedError(ValueError):
    """A URL refused for its syntax alone, before any DNS lookup; the message is safe to show to the user."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class OutboundError(Exception):
    """A call without a complete response. `kind` and `public` may be shown to anyone, `internal` only to the operator."""

    kind = "failed"
    public = "The call failed."

    def __init__(self, internal: str = "") -> None:
        super().__init__(internal or self.public)
        self.internal = internal


class ConnectionFailedError(OutboundError):
    """No connection: unknown name, forbidden address, refused or broken connection. Never reveals which."""

    kind = "connection_failed"
    public = "No connection could be made to this address."


class TimedOutError(OutboundError):
    """Connecting took longer than the connect timeout, or the whole exchange longer than the total deadline."""

    kind = "timed_out"
    public = "The receiver did not answer in time."


class TlsFailedError(OutboundError):
    """The TLS handshake failed: an invalid certificate, a name mismatch or no common version."""

    kind = "tls_failed"
    public = "The TLS handshake failed; check the certificate and its chain."


class InvalidAnswerError(OutboundError):
    """The response was not valid HTTP, or had too many headers."""

    kind = "invalid_response"
    public = "The receiver's answer is not valid HTTP."
