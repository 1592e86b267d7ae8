"""The cold path: find a secret's row, check it against its verifier, and make a proven grant of it (docs/architecture.md, Keys).

Runs at a secret's first use in a process, when a copy turned out to be stale, and every 60 s; every second of a copy that is
older than that while PostgreSQL is away.
"""

import time
from datetime import datetime
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

# A fence that moves under every read means somebody changes the key in a loop; better an error than a hang.
MAX_READS = 5


def recall_match(digest: bytes, copy: Grant | None) -> GrantFacts | None:
    """What is known of a secret that matched before: from Valkey, or from this process's copy within its lifetime."""
    try:
        known = grants.recall(digest)
    except ValkeyUnavailable:
        known = None
    if known is None and copy is not None and _match_is_alive(copy.facts):
        known = copy.facts
    return known


def load_grant(secret: str, digest: bytes, known: GrantFacts | None) -> Grant | None:
    """The newest grant of `secret`, kept as this process's copy; None when it is no valid secret.

    `known` is what `recall_match` found. Without Valkey the grant comes straight from PostgreSQL and carries no
    proofs. Without PostgreSQL it is what is known, as long as Valkey proves that (ADR 9).
    Raises StoreUnavailable, HasherBusy, DatabaseError.
    """
    outlived_at: float | None = None
    if known is not None and grants.is_fresh(known.proved_at, time.time()):
        # Another process has just read it, and the fences below tell whether anything changed since.
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
            # Whatever was fresh a moment ago cannot be proved newest any more: only PostgreSQL can say.
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
    """Tie facts to the fences: see core.valkey.fences for why the order of reads matters. Raises ValkeyUnavailable.

    Facts that PostgreSQL could not confirm (at `outlived_at`) are believed if they pass as they are. If they do not, reading them
    again raises what it raised before.
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
    """What PostgreSQL says now. With `known` the secret has matched before and is not checked again.

    None when there is no such secret or it does not match. Raises StoreUnavailable, HasherBusy.
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
        key_version=found["key_version"],
        company_version=found["company_version"],
        proved_at=proved_at,
        matched_at=matched_at,
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def verify_secret(secret: str, row: ApiKeySecret) -> bool:
    """Check a secret against its verifier, and bring the verifier up to the configured scheme and pepper on a match.

    The fingerprint decides in microseconds. The hash is asked at the first use and when scheme or pepper changed, and
    alone decides when the pepper is lost. Raises StoreUnavailable, HasherBusy.
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
    """Whether a secret is the one of this row; unlike `verify_secret` it leaves no trace of a use.

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
            # Where it is now: moving is `manage.py move_secrets`' work.
            columns = stores.store_of(row).save(row, verifier)
        except (hashers.HasherBusy, stores.StoreUnavailable) as error:
            # The match stands; the upgrade waits for the next one.
            log.warning(
                "api_key_hash_upgrade_postponed", secret_id=row.public_id, reason=type(error).__name__
            )
            return
    with system_context(reason="proof of a secret's first match"):
        # Only if nobody else has changed the verifier meanwhile.
        ApiKeySecret.objects.filter(id=row.id, proof=row.proof, store=row.store).update(
            **columns, proof=hashers.proof_of(verifier), activated_at=row.activated_at or clock.now()
        )
