"""What a store of verifiers does."""

from typing import Any, Protocol

from apikeys.hashers import Verifier
from apikeys.models import ApiKeySecret


class StoreUnavailable(Exception):
    """The store cannot be reached, is sealed, or refuses our token. Nobody is let in on a guess."""


class SecretStore(Protocol):
    """Keeps verifiers. `save` and `load` raise StoreUnavailable."""

    name: str

    def save(self, secret: ApiKeySecret, verifier: Verifier) -> dict[str, Any]:
        """Keep the verifier of `secret`; returns the row's columns that point to it, which the caller stores."""

    def load(self, secret: ApiKeySecret) -> Verifier:
        """The verifier of `secret`."""

    def delete(self, secret: ApiKeySecret) -> None:
        """Forget the verifier of `secret` where it is kept outside of the row."""
