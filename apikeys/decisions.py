"""Decisions about a request based on its grant alone, without I/O (docs/architecture.md, The request pipeline).

`decide` runs for every request and returns the refusal, if any; `explain` builds the trace of a refused request.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from apikeys.grants import Grant
from apikeys.refusals import (
    CompanySuspended,
    IpNotAllowed,
    KeyExpired,
    KeyRevoked,
    OriginNotAllowed,
)
from apikeys.restrictions import address_allowed, origin_allowed
from core import clock
from core.errors import DomainError

# Refusals that the holder of a stolen secret can provoke cost the key nothing; a missing scope and a suspension cost a token.
FREE_REFUSALS = frozenset({"key_expired", "key_revoked", "ip_not_allowed", "origin_not_allowed"})
CHECKS = ("credential", "revocation", "expiry", "company", "ip", "origin", "scope")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The inputs of a decision besides the grant. `now` is in seconds since the epoch."""

    now: float
    ip: str
    origin: str | None


def decide(grant: Grant, asked: Circumstances) -> DomainError | None:
    """Return the first refusal that does not depend on the operation, or None. Permissions check scopes later."""
    if asked.now >= grant.usable_until:
        refusal = _refuse_state(grant, asked.now)
        if refusal is not None:
            return refusal
    if grant.networks and not address_allowed(asked.ip, grant.networks):
        return IpNotAllowed(f"This key may not be used from {asked.ip}.", facts={"ip": asked.ip})
    if asked.origin is not None or grant.is_browser:
        refusal = _refuse_origin(grant, asked.origin)
        if refusal is not None:
            return refusal
    return None


def _refuse_state(grant: Grant, now: float) -> DomainError | None:
    facts = grant.facts
    if facts.revoked:
        return KeyRevoked("This key has been revoked.")
    if facts.replaced_at is not None and now >= facts.replaced_at:
        return KeyRevoked("This secret was replaced by a rotation. Use the key's newest secret.")
    if facts.expires_at is not None and now >= facts.expires_at:
        return KeyExpired("This key has expired.")
    if facts.company_suspended:
        return CompanySuspended("The company that owns this key is suspended.")
    return None


def _refuse_origin(grant: Grant, origin: str | None) -> DomainError | None:
    if not grant.is_browser:
        if origin == _own_origin(settings.PUBLIC_URL):
            return None  # our own pages: someone trying the API in its documentation has pasted the key there
    elif origin is not None and origin_allowed(origin, grant.facts.origins):
        return None
    # Any page may read this, so it reveals nothing about the key. The key's company sees the reason in the trace.
    return OriginNotAllowed(facts={"origin": None if origin is None else _printable(origin)})


def _why_origin(grant: Grant, origin: str | None) -> str:
    """Return the reason an origin was refused, for the key's own company."""
    if not grant.is_browser:
        return "This is a server key and the request came from a browser."
    if origin is None:
        return "A browser key needs an Origin header, which browsers send."
    return f"This key may not be used from {_printable(origin)}."


@lru_cache(maxsize=8)
def _own_origin(public_url: str) -> str:
    parts = urlsplit(public_url)
    return f"{parts.scheme}://{parts.netloc}"


def _printable(text: str) -> str:
    """Caller-supplied text made safe to show and store: truncated, without NUL."""
    return text[:200].replace("\x00", "")


_CHECK_OF_CODE = {
    "invalid_credentials": "credential",
    "missing_credentials": "credential",
    "credential_in_query": "credential",
    "too_many_failures": "credential",
    "key_revoked": "revocation",
    "key_expired": "expiry",
    "company_suspended": "company",
    "ip_not_allowed": "ip",
    "origin_not_allowed": "origin",
    "unknown_version": "version",
    "insufficient_scope": "scope",
    "not_permitted": "permission",
    "rate_limited": "rate_limit",
    "temporarily_unavailable": "rate_limit",
}


def explain(
    grant: Grant | None, refusal: DomainError, asked: Circumstances, required: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Return the trace of a refused request: every check up to the one that failed, with its fix.

    `required` are the scopes the operation accepts, if they had been checked; any one of them suffices.
    """
    failed = _CHECK_OF_CODE.get(refusal.code, refusal.code)
    trace = []
    # The version is checked before the operation's scopes.
    checks = (*CHECKS[:-1], "version") if failed == "version" else CHECKS
    for check in (*checks, "permission" if failed == "permission" else "rate_limit"):
        if check == failed:
            why = refusal.detail if grant is None or failed != "origin" else _why_origin(grant, asked.origin)
            trace.append({"check": check, "passed": False, "detail": why, "fix": refusal.advice()})
            break
        detail = " or ".join(required) if check == "scope" else _passed_detail(grant, check, asked)
        trace.append({"check": check, "passed": True, "detail": detail, "fix": ""})
    return trace


def _passed_detail(grant: Grant | None, check: str, asked: Circumstances) -> str:
    if grant is None:
        return ""
    facts = grant.facts
    if check == "credential":
        return f"{grant.client_id} ({facts.key_name})"
    if check == "expiry":
        return (
            "no expiry"
            if facts.expires_at is None
            else f"until {clock.rfc3339(datetime.fromtimestamp(facts.expires_at, UTC))}"
        )
    if check == "ip":
        return f"{asked.ip} ({'listed' if facts.networks else 'no allow-list'})"
    if check == "origin":
        return asked.origin or "none (server key)"
    return ""
