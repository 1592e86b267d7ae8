"""Where verifiers live: in the secret's own row, or in Vault with only a reference in the row (docs/architecture.md, Keys)."""

from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from apikeys.models import ApiKeySecret
from apikeys.stores.base import SecretStore, StoreUnavailable

__all__ = ["SecretStore", "StoreUnavailable", "check_vault", "configured_store", "store_named", "store_of"]

# Imported when they are used: the client of Vault takes 5 MiB of a process, and most installations have no Vault.
_CLASSES = {"database": "apikeys.stores.database.DatabaseStore", "vault": "apikeys.stores.vault.VaultStore"}


def configured_store() -> SecretStore:
    """The store that new verifiers go to (`SECRET_STORE`)."""
    return store_named(settings.SECRET_STORE)


@lru_cache
def store_named(name: str) -> SecretStore:
    """The store with this name (`database` or `vault`)."""
    store: SecretStore = import_string(_CLASSES[name])()
    return store


def store_of(secret: ApiKeySecret) -> SecretStore:
    """The store a secret's verifier is in, whatever `SECRET_STORE` says now."""
    return store_named(secret.store)


def check_vault() -> str | None:
    """What `/readyz` says of Vault: nothing where no verifier goes there, else what its session says. Raises NotReady."""
    if settings.SECRET_STORE != "vault":  # noqa: S105 - the name of a store
        return None
    from apikeys.stores.vault_session import SESSION

    return SESSION.check()
