"""What every refusal under /v1 looks like (docs/architecture.md, Contracts), as one assertion that any test can use."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from core.errors import ERRORS

PROBLEM = "application/problem+json"
# Nothing of how we are built may reach a client. (An identifier may well hold "0x", but none begins with it.)
INTERNALS = re.compile(
    rb"Traceback|psycopg|django|rest_framework|File \"|SELECT (?!a valid choice)|INSERT |core_|billing_|IntegrityError|\b0x[0-9a-f]{6}",
    re.IGNORECASE,
)
RATE_HEADERS = (
    "RateLimit-Policy",
    "RateLimit",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
_POLICY_ITEM = r'"[a-z-]+";q=\d+;w=\d+(;qu="[a-z]+")?'
_POLICY = re.compile(f"{_POLICY_ITEM}(, {_POLICY_ITEM})*")
_LIMIT = re.compile(r'"[a-z-]+";r=\d+;t=\d+(, "[a-z-]+";r=\d+;t=\d+)*')


def assert_common_headers(headers: Mapping[str, str]) -> None:
    """Assert what every answer under /v1 carries, whatever its status."""
    assert re.fullmatch(r"req_[0-9a-z]{26}", headers["X-Request-Id"])
    assert _POLICY.fullmatch(headers["RateLimit-Policy"]), headers["RateLimit-Policy"]
    assert _LIMIT.fullmatch(headers["RateLimit"]), headers["RateLimit"]
    for name in RATE_HEADERS[2:]:
        assert headers[name].isdigit(), name
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"]


def assert_problem(
    status: int, headers: Mapping[str, str], content: bytes, *, expected: tuple[int, str] | None = None
) -> dict[str, Any]:
    """Assert that an answer is a complete problem of a registered code, and return it parsed."""
    assert headers["Content-Type"] == PROBLEM, (status, content[:300])
    body: dict[str, Any] = json.loads(content)
    members = {"type", "title", "status", "detail", "instance", "request_id", "error"}
    assert set(body) in (members, members | {"violated-policies"})
    assert body.get("violated-policies") != []
    code = body["error"]["code"]
    if expected is not None:
        assert (status, code) == expected, body
    assert body["status"] == status == ERRORS[code].status
    assert body["title"] == ERRORS[code].title
    assert body["type"].endswith(f"/docs/errors#{code}")
    assert body["request_id"] == headers["X-Request-Id"]
    assert body["instance"].isascii()
    assert unquote(body["instance"]).startswith("/v1")
    assert body["detail"] == body["error"]["message"]
    assert body["detail"]
    if status == 401:
        assert headers["WWW-Authenticate"].startswith("Bearer")
    if status in (429, 503) or code == "idempotency_in_flight":
        assert int(headers["Retry-After"]) >= 1
    if code == "validation_failed":
        assert body["error"]["fields"]
        for field in body["error"]["fields"]:
            assert set(field) == {"field", "code", "message"}
            assert all(isinstance(text, str) and text for text in field.values())
    found = INTERNALS.search(content)
    assert found is None, found
    return body
