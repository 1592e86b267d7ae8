"""Standard Webhooks signatures: `webhook-id`, `webhook-timestamp`, `webhook-signature` (symmetric, v1).

Specification: https://github.com/standard-webhooks/standard-webhooks (spec/standard-webhooks.md). What is signed is
`{id}.{timestamp}.{body}` with the body's raw bytes; while a secret is being rotated the header holds one signature
for each valid secret, newest first.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from functools import lru_cache

SECRET_PREFIX = "whsec_"  # noqa: S105 (the public prefix, not a secret)
SECRET_BYTES = 32


class InvalidSecretError(ValueError):
    """A text that is not `whsec_` followed by the base64 of 24 to 64 bytes."""


def new_secret() -> str:
    """Return a new endpoint secret: `whsec_` and the base64 of 32 bytes from the system's generator."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


@lru_cache(maxsize=4096)
def secret_bytes(secret: str) -> bytes:
    """Return the key inside a secret. Raises InvalidSecretError."""
    if not secret.startswith(SECRET_PREFIX):
        raise InvalidSecretError(f"A webhook secret starts with {SECRET_PREFIX}.")
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise InvalidSecretError("A webhook secret is base64 after its prefix.") from error
    if not 24 <= len(key) <= 64:
        raise InvalidSecretError("A webhook secret holds 24 to 64 bytes.")
    return key


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return `v1,<base64>`: the HMAC-SHA256 of the message under one secret. `timestamp` is in Unix seconds."""
    signed = b"%s.%d.%s" % (message_id.encode("ascii"), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(secret_bytes(secret), signed, "sha256")).decode("ascii")


def headers(valid_secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of one attempt. `message_id` is the same in every attempt, `timestamp` its own."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in valid_secrets),
    }
