"""The pure part of the proof: how rows are hashed, seals chained and heads signed.

`docs/audit.md` describes the format, and `docs/verify_audit.py` verifies it with the standard library only.
"""

import base64
import binascii
import hashlib
import uuid
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from core.setting_changes import forget_when_changed

LEAF_BYTES = 48  # a row's id and the SHA-256 of its content
GENESIS = bytes(32)
VERSION = "pomelo-audit-1"


@dataclass(frozen=True, slots=True)
class Chain:
    """Identifies a chain. Streams without a company use the nil UUID."""

    company_id: uuid.UUID
    mode: str
    stream: str
    day: date

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Chain":
        """Return the chain of an exported head."""
        return cls(uuid.UUID(data["company"]), data["mode"], data["stream"], date.fromisoformat(data["day"]))

    def as_json(self) -> dict[str, object]:
        """Return the members of an exported head that identify the chain."""
        return {
            "company": str(self.company_id),
            "mode": self.mode,
            "stream": self.stream,
            "day": self.day.isoformat(),
        }

    @property
    def name(self) -> str:
        """The chain's name, the first part of everything that is hashed or signed."""
        return f"{VERSION} {self.company_id} {self.mode} {self.stream} {self.day.isoformat()}"


def canonical(content: list[Any]) -> bytes:
    """Return the canonical JSON of a row's content for hashing: no whitespace, sorted keys, UTF-8.

    It contains only strings, integers, booleans, null, arrays and objects, which every JSON encoder can write identically.
    """
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def leaf(row_id: bytes, content: bytes) -> bytes:
    """Return a row's leaf: its id and the SHA-256 of its canonical content."""
    return row_id + hashlib.sha256(content).digest()


def seal_digest(chain: Chain, number: int, previous: bytes, leaves: bytes) -> bytes:
    """Return the digest of seal `number`, over the chain's name, the number, the previous digest and its leaves."""
    header = f"{chain.name} {number} {len(leaves) // LEAF_BYTES}\n".encode()
    return hashlib.sha256(header + previous + leaves).digest()


def head_statement(chain: Chain, seals: int, rows: int, digest: bytes) -> bytes:
    """Return the text signed by a head's signature."""
    return f"{chain.name} seals={seals} rows={rows} digest={digest.hex()}".encode()


@lru_cache(maxsize=1)
def _private_key() -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(settings.AUDIT_SIGNING_KEY))
    except (ValueError, binascii.Error) as error:
        raise ImproperlyConfigured(
            "AUDIT_SIGNING_KEY must be an Ed25519 seed: 32 bytes in Base64 (`openssl rand -base64 32`)."
        ) from error


def sign(statement: bytes) -> bytes:
    """Return the Ed25519 signature (64 bytes) of `statement`. Raises ImproperlyConfigured if the key is invalid."""
    return _private_key().sign(statement)


def public_key() -> bytes:
    """Return the public key (32 bytes) of our signatures."""
    return _private_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


@lru_cache(maxsize=1)
def verify_keys() -> tuple[bytes, ...]:
    """Return the valid public keys: the current one and AUDIT_VERIFY_KEYS. Raises ImproperlyConfigured."""
    try:
        others = [bytes.fromhex(key) for key in settings.AUDIT_VERIFY_KEYS]
        for key in others:
            Ed25519PublicKey.from_public_bytes(key)
    except ValueError as error:
        raise ImproperlyConfigured(
            "AUDIT_VERIFY_KEYS must be public keys of 64 hex digits, separated by commas (`manage.py audit_public_key`)."
        ) from error
    return (public_key(), *others)


def signer_of(statement: bytes, signature: bytes | None) -> bytes | None:
    """Return the valid public key that made this signature, or None."""
    return next((key for key in verify_keys() if is_signed(statement, signature, key)), None)


def is_signed(statement: bytes, signature: bytes | None, key: bytes | None = None) -> bool:
    """Return whether `signature` is a valid signature of `statement` by any of our keys, or by `key` if given."""
    if signature is None:
        return False
    if key is None:
        return signer_of(statement, signature) is not None
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, statement)
    except InvalidSignature:
        return False
    return True


def _forget_keys() -> None:
    _private_key.cache_clear()
    verify_keys.cache_clear()


forget_when_changed(_forget_keys, "AUDIT_SIGNING_KEY", "AUDIT_VERIFY_KEYS")
