"""Keyed hashing and field encryption with keys that can be rotated.

There are three kinds of keys. *Peppers* (`API_KEY_PEPPERS`) key the fingerprints of credentials and are never stored in the
database. *Field keys* (`FIELD_ENCRYPTION_KEYS`) encrypt columns. `mac` authenticates data in untrusted stores (Valkey), under
a key derived from the current pepper and a purpose, so that a value made for one purpose is invalid for any other.
"""

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from core.setting_changes import forget_when_changed

MIN_PEPPER_LENGTH = 32
# The prefix of every token of `encrypt`: Fernet's version (0x80) and the high bytes of the timestamp, in Base64.
TOKEN_PREFIX = "gAAAAA"  # noqa: S105 - no password


class CryptoMisconfigured(ValueError):
    """A key setting is invalid; the message says which one and how to write it."""


class Undecryptable(ValueError):
    """A stored value was encrypted with a key that is no longer configured, or was tampered with."""


@dataclass(frozen=True, slots=True)
class Pepper:
    """One pepper. `version` names it in stored fingerprints; `check` detects a different value under the same name."""

    version: str
    key: bytes

    @property
    def label(self) -> str:
        """The label in a stored fingerprint: `<version>-<8 hex>`, which reveals nothing about the key."""
        return f"{self.version}-{hmac.digest(self.key, b'pomelo pepper label', 'sha256').hex()[:8]}"

    def hmac(self, message: bytes) -> bytes:
        """HMAC-SHA256 of `message` under this pepper (32 bytes)."""
        return hmac.digest(self.key, message, "sha256")


class PepperRing:
    """The configured peppers: the first is current, the others still verify fingerprints stored under them."""

    def __init__(self, peppers: list[Pepper]) -> None:
        self.current = peppers[0]
        self.all = tuple(peppers)
        self._by_label = {pepper.label: pepper for pepper in peppers}

    def get(self, label: str) -> Pepper | None:
        """Return the pepper named in a stored fingerprint, or None when it was removed or replaced."""
        return self._by_label.get(label)


def parse_peppers(text: str) -> PepperRing:
    """Read `API_KEY_PEPPERS`: `version:secret[,version:secret…]`, the current one first.

    Raises CryptoMisconfigured for a missing version, a short secret or a version given twice.
    """
    peppers = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        version, _, key = part.partition(":")
        if not version.isalnum() or len(key) < MIN_PEPPER_LENGTH:
            raise CryptoMisconfigured(
                "API_KEY_PEPPERS must be `version:secret` pairs separated by commas, the current one first, each "
                f"secret at least {MIN_PEPPER_LENGTH} characters (for example `1:$(openssl rand -hex 32)`)."
            )
        peppers.append(Pepper(version, key.encode()))
    if not peppers:
        raise CryptoMisconfigured("API_KEY_PEPPERS is empty. Set it to `1:$(openssl rand -hex 32)`.")
    if len({pepper.version for pepper in peppers}) != len(peppers):
        raise CryptoMisconfigured("API_KEY_PEPPERS names the same version twice.")
    return PepperRing(peppers)


@lru_cache(maxsize=1)
def peppers() -> PepperRing:
    """The process's pepper ring, parsed once from `API_KEY_PEPPERS`."""
    return parse_peppers(settings.API_KEY_PEPPERS)


@lru_cache(maxsize=32)
def derived_key(purpose: str) -> bytes:
    """A 32-byte key for one purpose, derived from the current pepper."""
    return peppers().current.hmac(f"pomelo {purpose}".encode())


@lru_cache(maxsize=32)
def _derived_keys(purpose: str) -> tuple[bytes, ...]:
    """The keys of one purpose under every configured pepper, the current one first."""
    return tuple(pepper.hmac(f"pomelo {purpose}".encode()) for pepper in peppers().all)


def mac(purpose: str, message: bytes) -> bytes:
    """HMAC-SHA256 (32 bytes) of `message` under the key of `purpose`."""
    return hmac.digest(derived_key(purpose), message, "sha256")


def mac_matches(purpose: str, message: bytes, expected: bytes) -> bool:
    """Whether `expected` is the MAC of `message` under `purpose`, of any configured pepper, compared in constant time."""
    return any(
        hmac.compare_digest(hmac.digest(key, message, "sha256"), expected) for key in _derived_keys(purpose)
    )


@lru_cache(maxsize=1)
def _fernet() -> MultiFernet:
    try:
        return MultiFernet([Fernet(key.strip()) for key in settings.FIELD_ENCRYPTION_KEYS])
    except ValueError as error:
        raise CryptoMisconfigured(
            "FIELD_ENCRYPTION_KEYS must hold one or more Fernet keys (32 bytes, URL-safe Base64), separated by "
            "commas, the current one first."
        ) from error


def encrypt(plain: bytes) -> bytes:
    """Encrypt and authenticate `plain` with the current field key."""
    return _fernet().encrypt(plain)


def decrypt(token: bytes) -> bytes:
    """Decrypt a token of `encrypt` with any configured field key. Raises Undecryptable."""
    try:
        return _fernet().decrypt(token)
    except InvalidToken as error:
        raise Undecryptable("This value was encrypted under a key that is not configured.") from error


def is_current(token: bytes) -> bool:
    """Return whether a token was encrypted with the first of FIELD_ENCRYPTION_KEYS."""
    try:
        Fernet(settings.FIELD_ENCRYPTION_KEYS[0].strip()).decrypt(token)
    except InvalidToken:
        return False
    return True


def reencrypt(token: bytes) -> bytes:
    """Re-encrypt a token with the first of FIELD_ENCRYPTION_KEYS. Raises Undecryptable."""
    return encrypt(decrypt(token))


def encrypt_text(plain: str) -> str:
    """`encrypt` for a text column."""
    return encrypt(plain.encode()).decode("ascii")


def decrypt_text(token: str) -> str:
    """Decrypt a token of `encrypt_text`. Raises Undecryptable."""
    return decrypt(token.encode("ascii")).decode()


def sha256_hex(message: bytes) -> str:
    """The SHA-256 of `message`, 64 hexadecimal digits."""
    return hashlib.sha256(message).hexdigest()


def forget_keys() -> None:
    """Drop the parsed keys, so that the next use reads the settings again."""
    peppers.cache_clear()
    derived_key.cache_clear()
    _derived_keys.cache_clear()
    _fernet.cache_clear()


forget_when_changed(forget_keys, "API_KEY_PEPPERS", "FIELD_ENCRYPTION_KEYS")
