"""What the OpenAPI document says of refusals (RFC 9457): their shape, and for each status an answer with examples."""

from typing import Any

from core.api import versions
from core.api.rendering import PROBLEM_JSON
from core.api.schema_components import headers
from core.api.schema_enums import OPEN
from core.errors import ERRORS

Json = dict[str, Any]

# status: (name of the response, description, code its example shows, headers beyond the common ones)
_REFUSALS: dict[int, tuple[str, str, str, tuple[str, ...]]] = {
    400: (
        "InvalidRequest",
        "The request could not be understood, or a field is not valid",
        "validation_failed",
        (),
    ),
    401: ("Unauthenticated", "No valid credential was sent", "missing_credentials", ("WWW-Authenticate",)),
    403: (
        "Forbidden",
        "The key may not do this, not from here, or not without HTTPS",
        "insufficient_scope",
        (),
    ),
    404: ("NotFound", "There is no such object for this key", "not_found", ()),
    406: ("NotAcceptable", "The Accept header rules the response out", "not_acceptable", ()),
    409: (
        "Conflict",
        "The state of the object forbids it, or the same request is in progress",
        "idempotency_in_flight",
        (),
    ),
    412: (
        "PreconditionFailed",
        "The object is not the one that If-Match names",
        "precondition_failed",
        ("ETag",),
    ),
    413: ("BodyTooLarge", "The body is larger than accepted", "body_too_large", ()),
    415: ("UnsupportedMediaType", "The body is not JSON", "unsupported_media_type", ()),
    422: ("KeyReused", "The Idempotency-Key was used for another request", "idempotency_key_reused", ()),
    429: ("TooManyRequests", "A limit is used up", "rate_limited", ("Retry-After",)),
    500: ("InternalError", "Something failed on our side", "internal_error", ()),
    503: (
        "Unavailable",
        "A service is unavailable; nothing was executed",
        "temporarily_unavailable",
        ("Retry-After",),
    ),
}
ALWAYS = (400, 401, 403, 404, 406, 429, 500, 503)
ON_WRITES = (409, 413, 415, 422)


def problem_schemas() -> Json:
    """Return the schemas of a refusal (RFC 9457): call it once every error is loaded, whose codes it lists."""
    text = {"type": "string"}
    return {
        "Problem": {
            "type": "object",
            "description": "Why a request was refused (RFC 9457). Decide by `error.code`; `detail` is for people.",
            "required": ["type", "title", "status", "detail", "instance", "request_id", "error"],
            "properties": {
                "type": {**text, "format": "uri", "description": "Links to the documentation of the code"},
                "title": text,
                "status": {"type": "integer", "maximum": 599},
                "detail": text,
                "instance": {**text, "description": "The path of the request"},
                "request_id": text,
                "violated-policies": {
                    "type": "array",
                    "description": "With 429: the rate-limit policies that have nothing left, by their names in the headers",
                    "items": text,
                },
                "error": {"$ref": "#/components/schemas/ProblemError"},
            },
        },
        "ProblemError": {
            "type": "object",
            "description": "The code, and details that belong to it",
            "required": ["code", "message"],
            "properties": {
                "code": {"$ref": "#/components/schemas/ErrorCode"},
                "message": text,
                "fields": {
                    "type": "array",
                    "description": "With `validation_failed`: every refused field",
                    "items": {"$ref": "#/components/schemas/ProblemField"},
                },
                "required_scopes": {"type": "array", "items": text},
                "granted_scopes": {"type": "array", "items": text},
                "policies": {
                    "type": "array",
                    "description": "With `rate_limited`: the policies that have nothing left",
                    "items": text,
                },
                "versions": {
                    "type": "array",
                    "description": "With `unknown_version`: those that can be asked for, oldest first",
                    "items": text,
                },
            },
        },
        "ProblemField": {
            "type": "object",
            "description": "A refused field",
            "required": ["field", "code", "message"],
            "properties": {"field": text, "code": text, "message": text},
        },
        "ErrorCode": {"type": "string", "enum": sorted(ERRORS), "description": OPEN},
    }


def refusal(status: int) -> Json:
    """Return a reference to the shared description of a refusal with `status`."""
    return {"$ref": f"#/components/responses/{_REFUSALS[status][0]}"}


def refusals() -> Json:
    """Return every refusal as a reusable response with an example."""
    found: Json = {}
    for status, (name, description, code, extra) in _REFUSALS.items():
        found[name] = {
            "description": description,
            "headers": headers(*extra),
            "content": {
                PROBLEM_JSON: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {
                        each: {"value": _example(status, each)}
                        for each in (code, *_other_codes(status, code))
                    },
                }
            },
        }
    return found


def _other_codes(status: int, code: str) -> list[str]:
    """Return what else an answer of the API with `status` may mean."""
    return sorted(
        name
        for name, error in ERRORS.items()
        if error.status == status and name != code and not error.only_on_pages
    )


def _example(status: int, code: str) -> Json:
    title = ERRORS[code].title
    facts: Json = {}
    if code == "insufficient_scope":
        facts = {"required_scopes": ["customers:write"], "granted_scopes": ["customers:read"]}
    if code == "unknown_version":
        facts = {"versions": [version.date for version in versions.VERSIONS]}
    if code == "rate_limited":
        facts = {"policies": ["key"]}
    if code == "validation_failed":
        facts = {"fields": [{"field": "name", "code": "required", "message": "This field is required."}]}
    return {
        "type": f"https://api.example.com/docs/errors#{code}",
        "title": title,
        "status": status,
        "detail": title,
        "instance": "/v1/customers",
        "request_id": "req_01kq3v0c8kf1evq0z7g3x2m9ta",
        **({"violated-policies": facts["policies"]} if "policies" in facts else {}),
        "error": {"code": code, "message": title, **facts},
    }
