"""The cold path: find a secret's row, check it against its verifier, and build a proven grant (docs/architecture.md, Keys).

Runs at a secret's first use in a process, when a copy turns out to be stale, and every 60 s; every second for an older copy
while PostgreSQL is down.
"""

import time
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError
from prometheus_client import Counter

from apikeys import grants, hashers, keys, selectors, stores
from apikeys.grants import Grant, GrantFacts
from apikeys.models import ApiKeySecret
from billing.entitlements import as_numbers, limits_from
from core import clock
from core.postgres.failures import is_outage
from core.tenancy import system_context
from core.valkey import fences
from core.valkey.commands import ValkeyUnavailable

log = structlog.get_logger("pomelo.apikeys")
OUTLIVED = Counter(
    "pomelo_grants_outlived_total",
    "Copies of keys that Valkey proved when PostgreSQL, away, could not be asked again",
)

# If a fence changes during every read, the key is being changed in a loop: fail rather than hang.
MAX_READS = 5


def recall_match(digest: bytes, copy: Grant | None) -> GrantFacts | None:
    """The facts of a secret that has matched before: from Valkey, or from this process's copy within its lifetime."""
    try:
        known = grants.recall(digest)
    except ValkeyUnavailable:
        known = None
    if known is None and copy is not None and _match_is_alive(copy.facts):
        known = copy.facts
    return known


def load_grant(secret: str, digest: bytes, known: GrantFacts | None) -> Grant | None:
    """Load the current grant of `secret` into this process's copies; None if the secret is not valid.

    `known` is the result of `recall_match`. Without Valkey the grant comes straight from PostgreSQL and carries no
    proofs. Without PostgreSQL it is built from `known`, as long as Valkey proves that current (ADR 9).
    Raises StoreUnavailable, HasherBusy, DatabaseError.
    """
    outlived_at: float | None = None
    if known is not None and grants.is_fresh(known.proved_at, time.time()):
        # Another process has just read it; the fences below show whether anything has changed since.
        facts: GrantFacts | None = known
    else:
        try:
            facts = read_facts(secret, known)
        except (DatabaseError, InterfaceError) as error:
            now = time.time()
            if known is None or not is_outage(error) or not grants.outlives_outage(known.proved_at, now):
                raise
            facts, outlived_at = known, now
    grant: Grant | None = None
    if facts is not None:
        try:
            grant = _prove(secret, facts, outlived_at=outlived_at)
            if outlived_at is not None:
                OUTLIVED.inc()
            elif grant is not None:
                grants.remember(digest, grant.facts)
        except ValkeyUnavailable:
            # A fresh copy can no longer be proved current; only PostgreSQL has the answer.
            facts = read_facts(secret, facts)
            grant = None if facts is None else Grant(facts, None)
    if grant is None:
        grants.COPIES.drop(digest)
    else:
        grants.COPIES.put(digest, grant)
    return grant


def _match_is_alive(facts: GrantFacts) -> bool:
    return time.time() < facts.matched_at + grants.MATCH_SECONDS


def _prove(secret: str, facts: GrantFacts, *, outlived_at: float | None) -> Grant | None:
    """Bind facts to the fences (core.valkey.fences explains why the order of reads matters). Raises ValkeyUnavailable.

    Facts that PostgreSQL could not confirm (at `outlived_at`) are accepted if the fences still match. If not, they are read
    again, which raises the same error as before.
    """
    names = (fences.key_fence(facts.company_id, facts.key_id), fences.company_fence(facts.company_id))
    seen = fences.mark(names)
    for _ in range(MAX_READS):
        if [fence.version for fence in seen] == [facts.key_version, facts.company_version]:
            return Grant(facts, (seen[0].proof, seen[1].proof), outlived_at=outlived_at)
        newer = read_facts(secret, facts)
        outlived_at = None
        if newer is None:
            return None
        facts = newer
        seen = fences.confirm(names, (facts.key_version, facts.company_version), seen) or fences.mark(names)
    raise ValkeyUnavailable("The fences of this key do not come to rest.")


def read_facts(secret: str, known: GrantFacts | None) -> GrantFacts | None:
    """Read the current facts from PostgreSQL. With `known`, the secret has matched before and is not checked again.

    Returns None if the secret does not exist or does not match. Raises StoreUnavailable, HasherBusy.
    """
    if known is not None:
        return _read(known.secret_id, matched_at=known.matched_at)
    try:
        parsed = keys.parse(secret)
    except keys.MalformedSecret:
        return None
    row = selectors.find_secret(parsed.locator)
    if row is None or not verify_secret(secret, row):
        return None
    return _read(row.id, matched_at=time.time())


def _read(secret_id: UUID, *, matched_at: float) -> GrantFacts | None:
    proved_at = time.time()
    found = selectors.find_facts(secret_id)
    if found is None:
        return None
    limits = limits_from(found["tier_numbers"], overrides=found["limit_overrides"])
    return GrantFacts(
        secret_id=secret_id,
        key_id=found["key_id"],
        company_id=found["company_id"],
        mode=found["mode"],
        api_version=found["api_version"],
        key_name=found["key_name"],
        kind=found["kind"],
        scopes=tuple(found["scopes"]),
        rate_limit=found["rate_limit"],
        networks=tuple(found["networks"]),
        origins=tuple(found["origins"]),
        expires_at=_seconds(found["expires_at"]),
        revoked=found["revoked_at"] is not None,
        replaced_at=_seconds(found["secret_revoked_at"] or found["ends_at"]),
        company_name=found["company_name"],
        company_tier=found["company_tier"],
        company_suspended=found["company_suspended_at"] is not None,
        limits=as_numbers(limits),
        bodies_until=_bodies_until(found),
        key_version=found["key_version"],
        company_version=found["company_version"],
        proved_at=proved_at,
        matched_at=matched_at,
    )


def _bodies_until(found: dict[str, Any]) -> float:
    mode = found["mode"]
    if found[f"{mode}_bodies_from"] is None:
        return 0.0
    until = _seconds(found[f"{mode}_bodies_until"])
    return grants.NO_END if until is None else until


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def verify_secret(secret: str, row: ApiKeySecret) -> bool:
    """Check a secret against its verifier. On a match, upgrade the verifier to the configured scheme and pepper.

    The fingerprint decides in microseconds. The hash is checked at the first use, when scheme or pepper have changed, and
    instead of the fingerprint if its pepper is lost. Raises StoreUnavailable, HasherBusy.
    """
    verifier = stores.store_of(row).load(row)
    matches = hashers.fingerprint_matches(secret, verifier.fingerprint)
    if matches is False:
        return False
    if matches and row.proof == hashers.proof_of(verifier) and _is_current(verifier):
        return True
    if not hashers.hash_matches(secret, verifier.encoded):
        return False
    _record_match(secret, row, verifier)
    return True


def is_secret_of(secret: str, row: ApiKeySecret) -> bool:
    """Whether a secret belongs to this row. Unlike `verify_secret`, it does not record a use.

    Raises StoreUnavailable, HasherBusy.
    """
    verifier = stores.store_of(row).load(row)
    matches = hashers.fingerprint_matches(secret, verifier.fingerprint)
    return hashers.hash_matches(secret, verifier.encoded) if matches is None else matches


def _is_current(verifier: hashers.Verifier) -> bool:
    return (
        hashers.fingerprint_is_current(verifier.fingerprint)
        and hashers.parameters_of(verifier.encoded) == hashers.configured_parameters()
    )


def _record_match(secret: str, row: ApiKeySecret, verifier: hashers.Verifier) -> None:
    columns = {}
    if not _is_current(verifier):
        try:
            verifier = hashers.make_verifier(secret)
            # Keep it in its current store; `manage.py move_secrets` moves it.
            columns = stores.store_of(row).save(row, verifier)
        except (hashers.HasherBusy, stores.StoreUnavailable) as error:
            # The match is valid; the upgrade is retried at the next one.
            log.warning(
                "api_key_hash_upgrade_postponed", secret_id=row.public_id, reason=type(error).__name__
            )
            return
    with system_context(reason="proof of a secret's first match"):
        # Only if the verifier has not been changed concurrently.
        ApiKeySecret.objects.filter(id=row.id, proof=row.proof, store=row.store).update(
            **columns, proof=hashers.proof_of(verifier), activated_at=row.activated_at or clock.now()
        )
