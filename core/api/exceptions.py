"""Every error as problem+json (RFC 9457), whatever raised it. No stack trace, SQL or internal name reaches a client."""

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
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework.exceptions import APIException, ValidationError

from core.api.errors import BodyTooLarge, InternalError, InvalidRequest, TemporarilyUnavailable
from core.api.rendering import PROBLEM_JSON, reply
from core.errors import DomainError, FieldError, FieldErrors, NotFound

log = structlog.get_logger(__name__)


def to_domain_error(error: BaseException) -> DomainError:
    """Return the public error for any exception; unexpected ones are logged and become `internal_error`."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, ValidationError):
        return FieldErrors(list(_field_errors(error.detail)))
    if isinstance(error, ModelValidationError):
        return FieldErrors(list(_model_errors(error)))
    if isinstance(error, Http404):
        return NotFound()
    if isinstance(error, DisallowedHost):
        return InvalidRequest("The Host header does not name this server.")
    if isinstance(error, RequestDataTooBig):
        return BodyTooLarge(f"At most {settings.API_MAX_BODY_BYTES} bytes are accepted.")
    if isinstance(error, (SuspiciousOperation, BadRequest, PermissionDenied)) or (
        isinstance(error, APIException) and error.status_code < 500
    ):
        return InvalidRequest("The request is malformed.")
    if isinstance(error, (OperationalError, InterfaceError)):
        log.error("api.database_unavailable", exc_info=error)
        return TemporarilyUnavailable("The database cannot be reached right now.")
    if isinstance(error, DataError):
        log.warning("api.value_refused_by_database", exc_info=error)
        return InvalidRequest("A value is outside of the range that can be stored.")
    log.error("api.unexpected_error", exc_info=error)
    return InternalError("Something failed on our side. It has been logged under this request id.")


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
    for name, errors in fields.items():
        for one in errors:
            yield FieldError(name, one.code or "invalid", " ".join(one.messages))


def problem(request: HttpRequest, error: DomainError) -> HttpResponse:
    """Render `error` as problem+json for `request`."""
    request_id = getattr(request, "request_id", None)
    response = reply(
        {
            "type": f"{settings.PUBLIC_URL}/docs/errors#{error.code}",
            "title": error.title,
            "status": error.status,
            "detail": error.detail,
            "instance": quote(request.path),
            "request_id": request_id,
            "error": {"code": error.code, "message": error.detail, **error.facts},
        },
        error.status,
        content_type=PROBLEM_JSON,
    )
    for name, value in error.headers.items():
        response.headers[name] = value
    response.headers["Cache-Control"] = "no-store"
    return response
