"""Renders every error as problem+json (RFC 9457). No stack trace, SQL or internal name reaches a client.

`exception_handler` is DRF's EXCEPTION_HANDLER. Authentication, which must raise DRF's exceptions, raises `Refusal`: a public
error on its way through DRF. Permissions and throttles say only no; `request.auth` knows the public error.
"""

from math import ceil
from typing import Any
from urllib.parse import quote

import structlog
from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest
from rest_framework import exceptions as drf
from rest_framework.response import Response

from core.api import errors
from core.api.access import Access
from core.api.errors import BodyTooLarge, InternalError, InvalidRequest
from core.api.permissions import scopes_asked
from core.api.rendering import PROBLEM_JSON, dump, unsupported
from core.errors import DomainError, FieldError, FieldErrors, NotFound, TemporarilyUnavailable
from core.postgres.breaker import DatabaseUnavailable

log = structlog.get_logger(__name__)


class Refusal(drf.APIException):
    """A public error wrapped in a DRF exception, with the trace that led to it."""

    def __init__(self, error: DomainError, trace: list[dict[str, Any]] | None = None) -> None:
        super().__init__(error.detail, error.code)
        self.status_code = error.status
        self.error = error
        self.trace = trace or []


class NotAuthenticated(Refusal, drf.AuthenticationFailed):
    """A refusal with status 401."""


def refusal(error: DomainError, trace: list[dict[str, Any]] | None = None) -> Refusal:
    """Return `error` as the DRF exception that corresponds to its status."""
    return NotAuthenticated(error, trace) if error.status == 401 else Refusal(error, trace)


class Problem(Response):
    """A problem+json response, whatever format its view normally renders."""

    @property
    def rendered_content(self) -> bytes:  # type: ignore[override]
        """Return the body."""
        body = dump(self.data)
        self["Content-Type"] = PROBLEM_JSON
        self["Content-Length"] = str(len(body))
        return body


def problem(request: HttpRequest, error: DomainError) -> Problem:
    """Return `error` as an unrendered problem+json response to `request`."""
    return Problem(
        {
            "type": f"{settings.PUBLIC_URL}/docs/errors#{error.code}",
            "title": error.title,
            "status": error.status,
            "detail": error.detail,
            "instance": quote(request.path),
            "request_id": getattr(request, "request_id", None),
            # The member's name in the problem type "quota exceeded" of the rate-limit headers draft.
            **({"violated-policies": error.violated_policies} if error.violated_policies else {}),
            "error": {"code": error.code, "message": error.detail, **error.facts},
        },
        error.status,
        headers={**error.headers, "Cache-Control": "no-store"},
    )


def exception_handler(raised: Exception, context: dict[str, Any]) -> Problem:
    """Return the response for an exception raised in a view (`REST_FRAMEWORK["EXCEPTION_HANDLER"]`)."""
    request, view = context["request"], context["view"]
    # DRF's request wraps Django's, which the request log reads.
    seen: Any = getattr(request, "_request", request)
    if isinstance(raised, Refusal):
        seen.trace = raised.trace
    error = _of_drf(raised, request, view) or to_domain_error(raised)
    seen.refused_by = error.code
    if isinstance(error, FieldErrors):
        seen.trace = [*(getattr(seen, "trace", None) or []), *map(_decision_on, error.fields)]
    return problem(seen, error)


def _decision_on(refused: FieldError) -> dict[str, Any]:
    """Return a rejected field as a line of the trace, so that the request log shows what was wrong."""
    return {
        "check": "field",
        "passed": False,
        "detail": refused.message,
        "fix": "",
        "field": refused.field,
        "code": refused.code,
    }


def _of_drf(raised: Exception, request: Any, view: Any) -> DomainError | None:
    """Return the public error for a DRF exception that needs the view's context; None for any other."""
    if isinstance(raised, (drf.PermissionDenied, PermissionDenied)):
        message = _words(raised.detail) if isinstance(raised, drf.PermissionDenied) else str(raised)
        access = getattr(request, "auth", None)
        if isinstance(access, Access):
            return access.explain_denial(scopes_asked(view, request.method), message)
        return errors.NotPermitted(message)
    if isinstance(raised, drf.Throttled):
        wait: float | None = getattr(raised, "wait", None)
        access = getattr(request, "auth", None)
        if isinstance(access, Access):
            return access.explain_throttling(wait)
        return throttled(wait)
    if isinstance(raised, drf.MethodNotAllowed):
        allowed = ", ".join(view.allowed_methods)
        return errors.MethodNotAllowed(f"{request.method} is not allowed here.", headers={"Allow": allowed})
    if isinstance(raised, drf.NotAcceptable):
        types = " or ".join(renderer.media_type for renderer in view.renderer_classes)
        return errors.NotAcceptable(f"This endpoint returns {types}.")
    if isinstance(raised, drf.UnsupportedMediaType):
        return unsupported(request.content_type.partition(";")[0].strip())
    return None


def throttled(wait: float | None, policies: list[str] | None = None) -> errors.RateLimited:
    """Return the error for a throttled request, with the seconds to wait (at least 1)."""
    return errors.RateLimited(
        f"The limit of {' and '.join(policies)} is used up." if policies else "Too many requests were sent.",
        facts={"policies": policies or []},
        headers={"Retry-After": str(max(1, ceil(wait or 1)))},
        violated_policies=policies or [],
    )


def to_domain_error(error: BaseException) -> DomainError:
    """Return the public error for any exception; unexpected exceptions are logged and become `internal_error`."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, Refusal):
        return error.error
    if isinstance(error, drf.ValidationError) and error.status_code == FieldErrors.status:
        return FieldErrors(list(_field_errors(error.detail)))
    if isinstance(error, ModelValidationError):
        return FieldErrors(list(_model_errors(error)))
    if isinstance(error, (Http404, drf.NotFound)):
        return NotFound()
    if isinstance(error, DisallowedHost):
        return InvalidRequest("The Host header does not name this server.")
    if isinstance(error, RequestDataTooBig):
        return BodyTooLarge(f"At most {settings.API_MAX_BODY_BYTES} bytes are accepted.")
    if isinstance(error, (SuspiciousOperation, BadRequest)):
        return InvalidRequest("The request is malformed.")
    if isinstance(error, drf.APIException) and (error.status_code < 500 or error.status_code == 503):
        return _of_api_exception(error)
    if isinstance(error, (OperationalError, InterfaceError)):
        if not isinstance(error, DatabaseUnavailable):  # already logged once by the breaker
            log.error("api.database_unavailable", exc_info=error)
        return TemporarilyUnavailable("The database cannot be reached right now.")
    if isinstance(error, DataError):
        log.warning("api.value_refused_by_database", exc_info=error)
        return InvalidRequest("A value is outside the range that can be stored.")
    log.error("api.unexpected_error", exc_info=error)
    return InternalError("Something failed on our side. It has been logged under this request id.")


def _of_api_exception(error: drf.APIException) -> DomainError:
    """Return the public error for a DRF exception raised by third-party code, keeping its status."""
    detail = _words(error.detail)
    public = _with_status(error, detail)
    if wait := getattr(error, "wait", None):
        public.headers["Retry-After"] = str(ceil(wait))
    return public


def _with_status(error: drf.APIException, detail: str) -> DomainError:
    if error.status_code == 503:
        return TemporarilyUnavailable(detail)
    if error.status_code == 401:
        is_missing = isinstance(error, drf.NotAuthenticated)
        public = (errors.MissingCredentials if is_missing else errors.InvalidCredentials)(detail)
        # The challenge of the view's first authenticator.
        public.headers["WWW-Authenticate"] = getattr(error, "auth_header", errors.REALM)
        return public
    if isinstance(error, (drf.NotAuthenticated, drf.AuthenticationFailed)):
        return errors.NotPermitted(detail)
    if isinstance(error, drf.ParseError):
        return InvalidRequest(detail)
    return errors.Refused(detail, error.status_code)


def _words(detail: Any) -> str:
    """Return the messages of a DRF exception, however nested, as one text."""
    if isinstance(detail, dict):
        return " ".join(f"{name}: {_words(inner)}" for name, inner in detail.items())
    return " ".join(map(_words, detail)) if isinstance(detail, (list, tuple)) else str(detail)


def _field_errors(detail: Any, path: str = "") -> Any:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            here = path if name == "non_field_errors" else f"{path}.{name}" if path else str(name)
            yield from _field_errors(inner, here)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            if isinstance(inner, (dict, list)):
                yield from _field_errors(inner, f"{path}.{index}" if path else str(index))
            else:
                yield FieldError(path or "body", getattr(inner, "code", "invalid"), str(inner))


def _model_errors(error: ModelValidationError) -> Any:
    fields = error.error_dict if hasattr(error, "error_dict") else {"body": error.error_list}
    for name, refused in fields.items():
        for one in refused:
            yield FieldError(name, one.code or "invalid", " ".join(one.messages))
