"""The interface of a verifier store."""

from typing import Any, Protocol

from apikeys.hashers import Verifier
from apikeys.models import ApiKeySecret


class StoreUnavailable(Exception):
    """The store is unreachable or sealed, or refuses our token. Authentication fails closed."""


class SecretStore(Protocol):
    """Stores verifiers. `save` and `load` raise StoreUnavailable."""

    name: str

    def save(self, secret: ApiKeySecret, verifier: Verifier) -> dict[str, Any]:
        """Store the verifier of `secret`. Returns the columns that reference it, which the caller saves."""

    def load(self, secret: ApiKeySecret) -> Verifier:
        """The verifier of `secret`."""

    def delete(self, secret: ApiKeySecret) -> None:
        """Delete the verifier of `secret` if it is stored outside the row."""
