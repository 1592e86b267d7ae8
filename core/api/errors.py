"""Errors that the pipeline itself raises; what the domain refuses is raised by its services."""

from typing import ClassVar

from core.errors import DomainError

REALM = 'Bearer realm="pomelo", Basic realm="pomelo"'


class InvalidRequest(DomainError):
    """The request could not be understood: broken JSON, a bad cursor, an unknown query parameter."""

    code = "invalid_request"
    status = 400
    title = "The request is not valid"
    fix = "Read `detail`: it names the part of the request that could not be understood."


class UnknownVersion(DomainError):
    """The `Pomelo-Version` header names a version that does not exist, or whose sunset has passed."""

    code = "unknown_version"
    status = 400
    title = "No such version of the API"
    fix = "Send one of `error.versions`, or no header at all: then the version of the key counts (docs/versions.md)."


class InvalidIdempotencyKey(DomainError):
    """The Idempotency-Key header is empty, longer than 255 characters, or not printable ASCII."""

    code = "invalid_idempotency_key"
    status = 400
    title = "Invalid Idempotency-Key"
    fix = "Send 1 to 255 printable ASCII characters; a UUID is a good choice."


class Unauthenticated(DomainError):
    """Base of what is answered with 401, which says how to authenticate (RFC 9110 §11.6.1)."""

    status = 401

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": REALM})


class MissingCredentials(Unauthenticated):
    """The request carries no credential in any of the three accepted places."""

    code = "missing_credentials"
    title = "No credential was sent"
    fix = "Send `Authorization: Bearer <client secret>`, HTTP Basic, or `X-Client-Id` with `X-Client-Secret`."


class InvalidCredentials(Unauthenticated):
    """The credential is malformed, unknown, or does not belong to the Client ID that was sent with it."""

    code = "invalid_credentials"
    title = "The credential is not valid"
    fix = "Check that the secret is complete (`manage.py check_secret` or the documented checksum) and belongs to this server."


class InsufficientScope(DomainError):
    """The key is valid but was not given a scope that this operation needs."""

    code = "insufficient_scope"
    status = 403
    title = "The key lacks the scope this needs"
    _FIX: ClassVar = "Give the key {scopes} on the dashboard, or use another key. It takes effect at once."
    fix = _FIX.format(scopes="one of `error.required_scopes`")

    def advice(self) -> str:
        """Name the scopes, any one of which is enough."""
        return self._FIX.format(scopes="the scope " + " or ".join(self.facts["required_scopes"]))


class NoSuchRoute(DomainError):
    """No operation of the API has this path. It is no question of an object's id."""

    code = "unknown_route"
    status = 404
    title = "No operation has this path"
    fix = "Check the path, its version and any trailing slash against the API reference."


class NotPermitted(DomainError):
    """The key has the scope, but a further rule of this operation or object does not admit it; `detail` says which."""

    code = "not_permitted"
    status = 403
    title = "This is not permitted"
    fix = "Read `detail`: it says what the rule requires."


class RateLimited(DomainError):
    """A rate limit policy has no token left; `error.policies` names which. Nothing was executed."""

    code = "rate_limited"
    status = 429
    title = "Too many requests"
    fix = "Wait the number of seconds in `Retry-After`. The `RateLimit` headers of every response say how much is left."


class Refused(DomainError):
    """An extension of this server refused the request for a reason of its own; `status` and `detail` say which.

    The status may be any of 400 to 499.
    """

    code = "refused"
    status = 400
    title = "The request was refused"
    fix = "Read `detail`, and the documentation of the extension that answered."

    def __init__(self, detail: str, status: int) -> None:
        super().__init__(detail)
        self.status = status  # type: ignore[misc]  # the one error whose status is not its class's


class HttpsRequired(DomainError):
    """The API was called over plain HTTP. Nothing was executed."""

    code = "https_required"
    status = 403
    title = "HTTPS is required"
    fix = "Call the API by https://. If the request carried a secret, rotate that key: it crossed the network unencrypted."


class MethodNotAllowed(DomainError):
    """The path exists, but not for this method; `Allow` lists the ones it has."""

    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"
    fix = "Use one of the methods in the `Allow` header."


class NotAcceptable(DomainError):
    """The Accept header admits no format that this endpoint can answer in."""

    code = "not_acceptable"
    status = 406
    title = "Not acceptable"
    fix = "Send `Accept: application/json` (or what the documentation names), or no Accept header."


class BodyTooLarge(DomainError):
    """The body of the request is larger than the API accepts."""

    code = "body_too_large"
    status = 413
    title = "Request body too large"
    fix = "Send at most what `error.message` says (1 MiB; 2.5 MiB for a message with attachments); split bulk work into several requests."


class IncompleteBody(DomainError):
    """The body of the request did not arrive to its announced end. Nothing was looked up and nothing was executed."""

    code = "incomplete_body"
    status = 400
    title = "The request body did not arrive"
    fix = "Send the request again, with its whole body and the matching Content-Length."


class UnsupportedMediaType(DomainError):
    """The body is not JSON, or not said to be."""

    code = "unsupported_media_type"
    status = 415
    title = "Unsupported media type"
    fix = "Send the body as JSON with `Content-Type: application/json`."


class PreconditionFailed(DomainError):
    """The object is no longer the one whose `ETag` was sent in `If-Match`: somebody has changed it. Nothing was changed."""

    code = "precondition_failed"
    status = 412
    title = "The object has changed"
    fix = "Read the object again, reapply your change, and send its new `ETag`."


class IdempotencyInFlight(DomainError):
    """A request with the same Idempotency-Key is being executed at this moment."""

    code = "idempotency_in_flight"
    status = 409
    title = "A request with this Idempotency-Key is in progress"
    fix = "Wait the number of seconds in `Retry-After` and send the same request again: you will get its response."


class IdempotencyKeyReused(DomainError):
    """The Idempotency-Key was used before, for another request."""

    code = "idempotency_key_reused"
    status = 422
    title = "Idempotency-Key reused for another request"
    fix = "Use a new key for every new request; reuse a key only with the identical method, path, query and body."


class InternalError(DomainError):
    """Something failed on our side. The incident is logged under the request id."""

    code = "internal_error"
    status = 500
    title = "Internal error"
    fix = "Send the request again with the same Idempotency-Key; if it persists, report the request id."
