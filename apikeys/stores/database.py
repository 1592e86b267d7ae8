"""The default store: the verifier in the secret's own row."""

from typing import Any

from apikeys.hashers import Verifier
from apikeys.models import ApiKeySecret


class DatabaseStore:
    """Stores verifiers in PostgreSQL."""

    name = "database"

    def save(self, secret: ApiKeySecret, verifier: Verifier) -> dict[str, Any]:
        """The columns that hold the verifier."""
        return {
            "store": self.name,
            "encoded_hash": verifier.encoded,
            "fingerprint": verifier.fingerprint,
            "vault_path": "",
        }

    def load(self, secret: ApiKeySecret) -> Verifier:
        """Read the verifier from the row."""
        return Verifier(encoded=secret.encoded_hash, fingerprint=secret.fingerprint)

    def delete(self, secret: ApiKeySecret) -> None:
        """Do nothing: the verifier is deleted with the row."""
