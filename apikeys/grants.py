"""Grants: the cached permissions of a verified secret, so that a request needs no SQL (docs/architecture.md, Keys).

A grant exists in three places. PostgreSQL is the source of truth. Valkey holds JSON under a keyed hash of the secret, with a
MAC over name and content, so that a compromised Valkey can neither forge a grant nor move one to another secret. The process
holds it parsed, with the commands of the hot path packed. A copy is used only while the fences (`core.valkey.fences`) prove it
current, and is always read again from PostgreSQL after REPROVE_SECONDS. While PostgreSQL is down, a copy stays usable as long as
Valkey proves it, up to OUTAGE_SECONDS after it was read (ADR 9).
"""

import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson

from apikeys.restrictions import compile_networks
from billing.entitlements import LIMIT_NAMES
from core import clock
from core.api import versions
from core.api.operations import mounted_throttles
from core.api.throttles import TierThrottle
from core.api.throttling import PolicySet, RatePolicy, prepare_take
from core.http.addresses import IPNetwork
from core.security import crypto, sealed
from core.tenancy import Tenant
from core.valkey import commands, fences
from core.valkey.commands import PreparedCall, ValkeyUnavailable
from core.values import ids

# A copy older than this is read again from PostgreSQL.
REPROVE_SECONDS = float(fences.LONGEST_DELAY_SECONDS)
# While PostgreSQL is down, a copy that Valkey proves is used up to this age, and a reload is attempted at this interval.
OUTAGE_SECONDS = 600.0
ASK_AGAIN_SECONDS = 1.0
# How long a match is remembered, during which neither bcrypt nor Vault is needed. Revocation does not depend on it.
MATCH_SECONDS = 3600
MAX_COPIES = 20_000
# A moment that JSON can say, unlike infinity: the year 10000.
NO_END = 253_402_300_800.0
SECRET_ENDS_HEADER = "Pomelo-Secret-Ends"  # noqa: S105 - the name of a header

_NAME = "grant name"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantFacts:
    """The state of a secret, its key and its company as read from PostgreSQL. JSON types and UUIDs only.

    Times are seconds since the epoch. `proved_at` is when it was read, `matched_at` when the secret was last checked
    against its verifier.
    """

    secret_id: UUID
    key_id: UUID
    company_id: UUID
    mode: str
    api_version: str
    key_name: str
    kind: str
    scopes: tuple[str, ...]
    rate_limit: int
    networks: tuple[str, ...]
    origins: tuple[str, ...]
    expires_at: float | None
    revoked: bool
    replaced_at: float | None
    company_name: str
    company_tier: str
    company_suspended: bool
    # The company's limits by name (billing.entitlements.Limits).
    limits: dict[str, int]
    # Until when bodies of its requests are kept; 0 if they are not.
    bodies_until: float
    key_version: int
    company_version: int
    proved_at: float
    matched_at: float


SCHEMA = sealed.tag_of(
    "grant", (*(f"{field.name}:{field.type}" for field in fields(GrantFacts)), *LIMIT_NAMES)
)


class Plan:
    """The single script call of a request that takes tokens from a given set of policies."""

    __slots__ = ("buckets", "call", "policies")

    def __init__(self, buckets: Sequence[str], policies: PolicySet, call: PreparedCall) -> None:
        self.buckets = tuple(buckets)
        self.policies = policies
        self.call = call


class Grant:
    """A process's parsed copy of GrantFacts. `proofs` are the fence values it depends on; None if unproven."""

    __slots__ = (
        "__dict__",
        "_plans",
        "api_version",
        "client_id",
        "facts",
        "fresh_from",
        "fresh_until",
        "is_browser",
        "networks",
        "notices",
        "proofs",
        "scopes",
        "tenant",
        "usable_until",
    )

    def __init__(
        self, facts: GrantFacts, proofs: tuple[bytes, bytes] | None, *, outlived_at: float | None = None
    ) -> None:
        self.facts = facts
        self.proofs = proofs
        # Between these it is not read again. If the clock is set back, the copy becomes stale rather than immortal.
        if outlived_at is None:
            self.fresh_from, self.fresh_until = facts.proved_at - 1.0, facts.proved_at + REPROVE_SECONDS
        else:
            self.fresh_from, self.fresh_until = outlived_at - 1.0, outlived_at + ASK_AGAIN_SECONDS
        self.client_id = ids.encode("key", facts.key_id)
        self.scopes = frozenset(facts.scopes)
        self.tenant = Tenant(facts.company_id, facts.mode)  # type: ignore[arg-type]
        self.is_browser = facts.kind == "browser"
        self.networks: tuple[IPNetwork, ...] = compile_networks(facts.networks)
        # When this copy alone starts refusing requests; 0 if it already does.
        ends = [moment for moment in (facts.expires_at, facts.replaced_at) if moment is not None]
        self.usable_until = (
            0.0 if facts.revoked or facts.company_suspended else min(ends, default=float("inf"))
        )
        self.api_version = versions.pinned(facts.api_version)
        # Headers of every response: its API version and, if the secret is about to end, when.
        self.notices = {versions.HEADER: self.api_version.date}
        if facts.replaced_at is not None:
            self.notices[SECRET_ENDS_HEADER] = _rfc3339(facts.replaced_at)
        self._plans: dict[tuple[type[TierThrottle], ...] | None, Plan] = {}

    @property
    def fence_names(self) -> tuple[str, str]:
        """The names of the two fences that this copy depends on."""
        return (
            fences.key_fence(self.facts.company_id, self.facts.key_id),
            fences.company_fence(self.facts.company_id),
        )

    @cached_property
    def description(self) -> dict[str, Any]:
        """The response of `GET /v1/whoami`."""
        facts = self.facts
        return {
            "object": "whoami",
            "key": {
                "client_id": self.client_id,
                "name": facts.key_name,
                "expires_at": None if facts.expires_at is None else _rfc3339(facts.expires_at),
                "api_version": self.api_version.date,
            },
            "company": {
                "id": ids.encode("co", facts.company_id),
                "name": facts.company_name,
                "tier": facts.company_tier,
            },
            "mode": facts.mode,
            "scopes": list(facts.scopes),
            "limits": {
                policy.name: policy.quota for policy in self.policies(mounted_throttles())[1].policies
            },
        }

    def policies(self, throttles: Sequence[type[TierThrottle]]) -> tuple[tuple[str, ...], PolicySet]:
        """The names of the buckets that `throttles` take from, and their policies with this company's limits."""
        facts = self.facts
        buckets = [
            key_bucket(facts.company_id, throttle.policy, facts.key_id)
            if throttle.per_key
            else shared_bucket(facts.company_id, throttle.policy, facts.mode)
            for throttle in throttles
        ]
        found = [
            RatePolicy(throttle.policy, throttle.quota(facts.limits, facts.rate_limit), throttle.window)
            for throttle in throttles
        ]
        return tuple(buckets), PolicySet(found)

    def plan(self, throttles: tuple[type[TierThrottle], ...] | None) -> Plan:
        """The prepared call that takes tokens for `throttles`; with None it only proves the fences."""
        plan = self._plans.get(throttles)
        if plan is None:
            if self.proofs is None:
                raise ValkeyUnavailable("This copy was read while Valkey was away.")
            buckets, policies = self.policies(throttles or ())
            call = prepare_take(self.fence_names, self.proofs, buckets, policies)
            plan = self._plans[throttles] = Plan(buckets, policies, call)
        return plan


def key_bucket(company_id: UUID, policy: str, key_id: UUID) -> str:
    """The name of a key's own bucket."""
    return f"{_bucket_tag(company_id)}:{policy}:{key_id.hex}"


def shared_bucket(company_id: UUID, policy: str, mode: str) -> str:
    """The name of the bucket that all keys of a company and mode share."""
    return f"{_bucket_tag(company_id)}:{policy}:{mode}"


def _bucket_tag(company_id: UUID) -> str:
    return f"{{{company_id.hex}}}:bucket"


class Copies:
    """The process's grants by the keyed hash of their secret.

    A lookup is a single dict operation, which is atomic, so the hot path takes no lock. Writers do, because finding the
    oldest copy means iterating, which fails while another thread adds one.
    """

    def __init__(self) -> None:
        self._grants: dict[bytes, Grant] = {}
        self._writing = threading.Lock()
        self.get = self._grants.get

    def put(self, digest: bytes, grant: Grant) -> None:
        """Store a copy, dropping the oldest beyond MAX_COPIES."""
        with self._writing:
            self._grants.pop(digest, None)
            self._grants[digest] = grant
            while len(self._grants) > MAX_COPIES:
                del self._grants[next(iter(self._grants))]

    def drop(self, digest: bytes) -> None:
        """Forget one copy."""
        with self._writing:
            self._grants.pop(digest, None)

    def clear(self) -> None:
        """Forget every copy."""
        with self._writing:
            self._grants.clear()


COPIES = Copies()


def _rfc3339(seconds: float) -> str:
    return clock.rfc3339(datetime.fromtimestamp(seconds, UTC))


def digest_of(secret: str) -> bytes:
    """The name of a secret's grant: a 32-byte keyed hash with its own key, unrelated to the stored fingerprint.

    BLAKE2b (RFC 7693), because every request computes it: OpenSSL's HMAC fetches its algorithm on each call, 10% of a whoami.
    """
    secret_bytes = secret.encode("latin-1", "replace")
    return hashlib.blake2b(secret_bytes, key=crypto.derived_key(_NAME), digest_size=32).digest()


def remember(digest: bytes, facts: GrantFacts) -> None:
    """Write a grant to Valkey. Raises ValkeyUnavailable."""
    lifetime = int(facts.matched_at + MATCH_SECONDS - time.time())
    if lifetime <= 0:
        return
    value = sealed.seal(SCHEMA, orjson.dumps(asdict(facts)), bound_to=digest)
    commands.call("SET", _valkey_name(digest), value, "EX", lifetime)


def recall(digest: bytes) -> GrantFacts | None:
    """Read a grant from Valkey; None unless it is authentic, unexpired and of this release's schema.

    A grant written by another release is reloaded from PostgreSQL and replaced. Raises ValkeyUnavailable.
    """
    value = commands.call("GET", _valkey_name(digest))
    if value is None:
        return None
    try:
        content = sealed.unseal(SCHEMA, value, bound_to=digest)
    except (sealed.InvalidSealedValue, sealed.UnknownSchema):
        return None
    facts = _facts_from(orjson.loads(content))
    # The MAC covers the lifetime too, so that it does not depend on Valkey's own expiry.
    return facts if time.time() < facts.matched_at + MATCH_SECONDS else None


def _valkey_name(digest: bytes) -> str:
    return "grant:" + digest.hex()


def _facts_from(data: dict[str, Any]) -> GrantFacts:
    for name in ("secret_id", "key_id", "company_id"):
        data[name] = UUID(data[name])
    for name in ("scopes", "networks", "origins"):
        data[name] = tuple(data[name])
    return GrantFacts(**data)


def is_fresh(proved_at: float, now: float) -> bool:
    """Whether a copy read at `proved_at` may still be used. If the clock is set back, it is stale rather than immortal."""
    return -1.0 < now - proved_at < REPROVE_SECONDS


def outlives_outage(proved_at: float, now: float) -> bool:
    """Whether a copy read at `proved_at` may be used while PostgreSQL is down and Valkey proves it current."""
    return -1.0 < now - proved_at < OUTAGE_SECONDS
