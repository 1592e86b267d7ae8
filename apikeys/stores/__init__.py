"""Where verifiers live: in the secret's own row, or in Vault with only a reference in the row (docs/architecture.md, Keys)."""

from django.conf import settings

from apikeys.models import ApiKeySecret
from apikeys.stores.base import SecretStore, StoreUnavailable
from apikeys.stores.database import DatabaseStore
from apikeys.stores.vault import VaultStore

__all__ = ["SecretStore", "StoreUnavailable", "configured_store", "store_named", "store_of"]

_STORES: dict[str, SecretStore] = {"database": DatabaseStore(), "vault": VaultStore()}


def configured_store() -> SecretStore:
    """The store that new verifiers go to (`SECRET_STORE`)."""
    return _STORES[settings.SECRET_STORE]


def store_named(name: str) -> SecretStore:
    """The store with this name (`database` or `vault`)."""
    return _STORES[name]


def store_of(secret: ApiKeySecret) -> SecretStore:
    """The store a secret's verifier is in, whatever `SECRET_STORE` says now."""
    return _STORES[secret.store]
