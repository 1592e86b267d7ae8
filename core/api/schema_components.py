"""The parts of the OpenAPI document that every operation shares: headers, parameters, credentials. Refusals are in `schema_refusals`."""

from copy import deepcopy
from typing import Any

from core.api.patterns import IDEMPOTENCY_KEY, id_pattern
from core.models import IDEMPOTENCY_HOURS

Json = dict[str, Any]

SECURITY_SCHEMES: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "pm_live_… or pm_test_…",
        "description": "`Authorization: Bearer <client secret>`",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "HTTP Basic with the Client ID as user and the Client Secret as password",
    },
}
SECURITY: list[Json] = [{"bearer": []}, {"basic": []}]

HEADERS: Json = {
    "X-Request-Id": {
        "description": "Identifies this request in the request log and to support",
        "required": True,
        "schema": {
            "type": "string",
            "pattern": "^req_[0-9a-z]{26}$",
            "examples": ["req_01kq3v0c8kf1evq0z7g3x2m9ta"],
        },
    },
    "RateLimit-Policy": {
        "description": "The policies that apply: quota `q` per window of `w` seconds. Provisional: the syntax is that of "
        "draft-ietf-httpapi-ratelimit-headers-11, which may still change",
        "required": True,
        "schema": {"type": "string", "examples": ['"key";q=60;w=60, "company";q=300;w=60']},
    },
    "RateLimit": {
        "description": "What is left: `r` requests; the next token comes in `t` seconds (for a refused caller, its own). Provisional, as "
        "`RateLimit-Policy`",
        "required": True,
        "schema": {"type": "string", "examples": ['"key";r=41;t=1, "company";r=281;t=1']},
    },
    "X-RateLimit-Limit": {
        "description": "Quota of the strictest policy",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$", "examples": ["60"]},
    },
    "X-RateLimit-Remaining": {
        "description": "Requests left under the strictest policy",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$", "examples": ["41"]},
    },
    "X-RateLimit-Reset": {
        "description": "Seconds until the strictest policy gives the next token",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$", "examples": ["1"]},
    },
    "Idempotency-Replayed": {
        "description": "`true` when this is the stored answer to an earlier request with the same Idempotency-Key",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Pomelo-Secret-Ends": {
        "description": "When the secret that was sent ends (RFC 3339): it was rotated, so switch to the new one before then",
        "schema": {"type": "string", "format": "date-time"},
    },
    "Pomelo-Version": {
        "description": "The version of the API of this response",
        "schema": {"type": "string", "format": "date", "examples": ["2026-11-01"]},
    },
    "Deprecation": {
        "description": "Since when the operation, or its version, is deprecated: seconds since 1970 after an `@` (RFC 9745)",
        "schema": {"type": "string", "pattern": "^@[0-9]+$", "examples": ["@1798761600"]},
    },
    "Sunset": {
        "description": "When it ends (RFC 8594)",
        "schema": {"type": "string", "examples": ["Fri, 31 Dec 2027 23:59:59 GMT"]},
    },
    "ETag": {
        "description": "Identifies this state of the object, for `If-None-Match` and `If-Match`",
        "required": True,
        "schema": {"type": "string", "examples": ['"5d41402abc4b2a76b9719d911017c592"']},
    },
    "Retry-After": {
        "description": "Seconds to wait before sending the request again",
        "required": True,
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$", "examples": ["1"]},
    },
    "WWW-Authenticate": {
        "description": "The accepted ways to authenticate (RFC 9110)",
        "required": True,
        "schema": {"type": "string"},
    },
}
COMMON_HEADERS = (
    "X-Request-Id",
    "RateLimit-Policy",
    "RateLimit",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Pomelo-Secret-Ends",
    "Pomelo-Version",
    "Deprecation",
    "Sunset",
)

IDEMPOTENCY_PARAMETER: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        f"Makes it safe to send this request again: the same key with the same request gets the stored answer for {IDEMPOTENCY_HOURS}. "
        "1 to 255 printable ASCII characters, plain or quoted; a UUID is a good choice."
    ),
    # No example: tools fill in what they find, and a key is for one request only.
    "schema": {"type": "string", "pattern": IDEMPOTENCY_KEY},
}


def version_parameter() -> Json:
    """Return the header that asks for a version of the API."""
    return {
        "name": "Pomelo-Version",
        "in": "header",
        "required": False,
        "description": "The version of the API that this request is written for; defaults to the version of the key.",
        # Not an enum: a client that was generated today must be able to name a later one.
        "schema": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    }


# On reads and writes of a single object.
CONDITIONS: Json = {
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The `ETag` of the object as you have it: 304, without a body, if it has not changed.",
        "schema": {"type": "string", "pattern": "^[\\x20-\\x7e]+$"},
    },
    "If-Match": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "The `ETag` of the object as you read it: 412, and nothing is changed, if it has changed since.",
        "schema": {"type": "string", "pattern": "^[\\x20-\\x7e]+$"},
    },
}

# What a field of this name looks like, wherever it appears.
EXAMPLES: Json = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "phone": "+493012345678",
    "external_id": "crm-4711",
    "metadata": {"plan": "gold"},
    "created": "2026-01-31T12:00:00.000000Z",
    "updated": "2026-01-31T12:00:00.000000Z",
    "currency": "EUR",
    "amount": 4200,
    "quantity": 2,
    "unit_amount": 2100,
    "tax_rate_bps": 1900,
    "description": "Consulting",
    "payment_method": "card_success",
    "url": "https://example.com/webhooks",
    "events": ["customer.*"],
    "to": ["ada@example.com"],
    "subject": "Your invoice",
    "text": "Dear Ada, thank you for your order.",
    "line1": "12 St James's Square",
    "city": "London",
    "country": "GB",
    "client_id": "key_01kq3v0c8kf1evq0z7g3x2m9ta",
}

# What a parameter of this name does, where the endpoint does not say it itself.
PARAMETERS = {
    "address": "Only this address, in any spelling",
    "channel": "Only this channel, or these",
    "created_after": "Only those created at or after this time (RFC 3339)",
    "created_before": "Only those created before this time (RFC 3339)",
    "charge": "Only those of the charge with this ID",
    "customer": "Only those of the customer with this ID",
    "due_after": "Only those due on or after this day",
    "due_before": "Only those due before this day",
    "expand": "What else to include in each object: without it, lines and what is added up from them are left out",
    "email": "Only with this email address, case-insensitively",
    "endpoint": "Only those to the webhook endpoint with this ID",
    "event_type": "Only those of this event type, or these",
    "ending_before": "Only objects before this one, on the page next to it; instead of `starting_after`",
    "external_id": "Only with this ID of your own",
    "group_by": "What the counts are broken down by",
    "id": "The ID of the object",
    "interval": "The step of time",
    "invoice": "Only those of the invoice with this ID",
    "metadata_key": "Only with a metadata entry of this name",
    "metadata_value": "Only where the entry under `metadata_key` has this value",
    "name": "Only with this name",
    "number": "Only with this number",
    "object_id": "Only those about the object with this ID",
    "origin": "Only those added to the list this way, or these",
    "search": "Words, each the beginning of a word in the name, email, phone or external_id",
    "sort": "`-created`, newest first, or `created`, oldest first",
    "status": "Only in this status, or these",
    "tag": "Only with this tag",
    "to": "Only those sent to this address",
    "topic": "Only those that left this bulk mail topic",
    "type": "Only of this type, or these",
}

SUCCESSES = {
    "200": "Done",
    "201": "Created",
    "202": "Accepted: done in the background",
    "204": "Done; there is no body",
    "304": "The object has not changed; there is no body",
}


def security(scopes: list[str]) -> list[Json]:
    """Return the ways to authenticate an operation; with several scopes any one of them is enough."""
    return [{scheme: [scope] if scope else []} for scheme in SECURITY_SCHEMES for scope in scopes or [""]]


def id_schema(prefix: str) -> Json:
    """Return the schema of an identifier with `prefix`, as `core.values.ids` writes it."""
    return {"type": "string", "pattern": id_pattern(prefix)}


def refine(schema: Json, keywords: Json) -> None:
    """Add `keywords` to `schema` in place; objects inside are merged, everything else is replaced."""
    for name, value in keywords.items():
        if isinstance(value, dict) and isinstance(schema.get(name), dict):
            refine(schema[name], value)
        else:
            schema[name] = deepcopy(value)


def header(name: str) -> Json:
    """Return a reference to a shared header."""
    return {"$ref": f"#/components/headers/{name}"}


def headers(*names: str) -> Json:
    """Return references to the shared headers every answer has, and to `names`."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*COMMON_HEADERS, *names)}
