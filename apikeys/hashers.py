"""How a secret is stored: an encoded hash that names its scheme, and a peppered fingerprint (docs/architecture.md, Keys).

The fingerprint rejects a wrong secret in microseconds, without running bcrypt. The hash protects secrets if the database is
stolen: bcrypt of the SHA-256 (avoiding bcrypt's 72-byte limit) or plain SHA-256, which is just as infeasible to brute-force
for 190 random bits.
"""

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import bcrypt
from django.conf import settings

from core.postgres.outside import outside_transactions
from core.security import crypto

BCRYPT = "bcrypt_sha256"
SHA256 = "sha256"
SCHEMES = (BCRYPT, SHA256)

# Each takes a quarter of a second of CPU; two at a time do not starve the process's other threads.
MAX_PARALLEL_BCRYPT = 2
BCRYPT_WAIT_SECONDS = 5.0
_bcrypt_slots = threading.BoundedSemaphore(MAX_PARALLEL_BCRYPT)


class HasherBusy(Exception):
    """No bcrypt slot became free within BCRYPT_WAIT_SECONDS. The caller should retry later."""


class UnknownScheme(ValueError):
    """An encoded hash names a scheme this version does not know."""


@dataclass(frozen=True, slots=True, repr=False)
class Verifier:
    """The stored form of a secret: `encoded` (scheme$…) and `fingerprint` (pepper label$hex)."""

    encoded: str
    fingerprint: str

    def __repr__(self) -> str:
        return f"<Verifier {scheme_of(self.encoded)}>"


@contextmanager
def _bcrypt_slot() -> Iterator[None]:
    if not _bcrypt_slots.acquire(timeout=BCRYPT_WAIT_SECONDS):
        raise HasherBusy
    try:
        yield
    finally:
        _bcrypt_slots.release()


def _prehash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).hexdigest().encode("ascii")


def scheme_of(encoded: str) -> str:
    """The scheme an encoded hash names. Raises UnknownScheme."""
    scheme = encoded.partition("$")[0]
    if scheme not in SCHEMES:
        raise UnknownScheme(f"Unknown hash scheme {scheme!r}.")
    return scheme


def configured_parameters() -> str:
    """The parameters of new hashes: `bcrypt_sha256$12` or `sha256`."""
    if settings.API_KEY_HASHER == BCRYPT:
        return f"{BCRYPT}${settings.API_KEY_BCRYPT_ROUNDS:02d}"
    return SHA256


def parameters_of(encoded: str) -> str:
    """The parameters an encoded hash was made with, comparable to `configured_parameters`."""
    if scheme_of(encoded) == SHA256:
        return SHA256
    # bcrypt_sha256$2b$12$<salt and hash>
    return f"{BCRYPT}${encoded.split('$')[2]}"


def make_hash(secret: str) -> str:
    """Hash a secret with the configured scheme. Raises HasherBusy."""
    if settings.API_KEY_HASHER == SHA256:
        return f"{SHA256}${hashlib.sha256(secret.encode('ascii')).hexdigest()}"
    outside_transactions("bcrypt")
    with _bcrypt_slot():
        salt = bcrypt.gensalt(rounds=settings.API_KEY_BCRYPT_ROUNDS)
        return f"{BCRYPT}${bcrypt.hashpw(_prehash(secret), salt).decode('ascii').removeprefix('$')}"


def hash_matches(secret: str, encoded: str) -> bool:
    """Check a secret against an encoded hash in constant time. Raises HasherBusy, UnknownScheme."""
    if scheme_of(encoded) == SHA256:
        digest = hashlib.sha256(secret.encode("ascii")).hexdigest()
        return hmac.compare_digest(encoded, f"{SHA256}${digest}")
    outside_transactions("bcrypt")
    with _bcrypt_slot():
        return bcrypt.checkpw(_prehash(secret), encoded.removeprefix(BCRYPT).encode("ascii"))


def make_fingerprint(secret: str) -> str:
    """HMAC-SHA256 of the secret under the current pepper, as `label$hex`."""
    pepper = crypto.peppers().current
    return f"{pepper.label}${pepper.hmac(secret.encode('ascii')).hex()}"


def fingerprint_matches(secret: str, fingerprint: str) -> bool | None:
    """Compare in constant time; None if the fingerprint's pepper is no longer configured."""
    label, _, expected = fingerprint.partition("$")
    pepper = crypto.peppers().get(label)
    if pepper is None:
        return None
    return hmac.compare_digest(pepper.hmac(secret.encode("ascii")).hex(), expected)


def fingerprint_is_current(fingerprint: str) -> bool:
    """Whether a fingerprint was made under the current pepper."""
    return fingerprint.partition("$")[0] == crypto.peppers().current.label


def make_verifier(secret: str) -> Verifier:
    """The verifier of a new secret. Raises HasherBusy."""
    return Verifier(encoded=make_hash(secret), fingerprint=make_fingerprint(secret))


def proof_of(verifier: Verifier) -> str:
    """The parameters and pepper for which bcrypt has confirmed a secret. When either changes, bcrypt runs again."""
    return f"{parameters_of(verifier.encoded)}/{verifier.fingerprint.partition('$')[0]}"
