"""Verifiers in HashiCorp Vault or OpenBao: KV version 2 under `VAULT_MOUNT`, by the hvac client."""

from functools import lru_cache
from typing import Any

import hvac
import hvac.exceptions
import requests
from django.conf import settings
from django.core.signals import setting_changed

from apikeys.hashers import Verifier
from apikeys.models import ApiKeySecret
from apikeys.stores.base import StoreUnavailable

TIMEOUT_SECONDS = 3
_FAILURES = (hvac.exceptions.VaultError, requests.RequestException)


@lru_cache(maxsize=1)
def _client() -> hvac.Client:
    return hvac.Client(url=settings.VAULT_ADDR, token=settings.VAULT_TOKEN, timeout=TIMEOUT_SECONDS)


class VaultStore:
    """Keeps verifiers in Vault; the row holds the path."""

    name = "vault"

    def save(self, secret: ApiKeySecret, verifier: Verifier) -> dict[str, Any]:
        """Write the verifier. A version left behind by a transaction that rolls back is harmless: nothing points to it."""
        path = f"pomelo/api-keys/{secret.company_id}/{secret.id}"
        try:
            _client().secrets.kv.v2.create_or_update_secret(
                path=path,
                secret={"hash": verifier.encoded, "fingerprint": verifier.fingerprint},
                mount_point=settings.VAULT_MOUNT,
            )
        except _FAILURES as error:
            raise StoreUnavailable(f"Vault did not take the verifier: {type(error).__name__}.") from error
        return {"store": self.name, "encoded_hash": "", "fingerprint": "", "vault_path": path}

    def load(self, secret: ApiKeySecret) -> Verifier:
        """Read the verifier. A path that is gone is an outage, not a wrong secret: somebody must look."""
        try:
            answer = _client().secrets.kv.v2.read_secret_version(
                path=secret.vault_path, mount_point=settings.VAULT_MOUNT, raise_on_deleted_version=True
            )
            data = answer["data"]["data"]
            return Verifier(encoded=data["hash"], fingerprint=data["fingerprint"])
        except _FAILURES as error:
            raise StoreUnavailable(f"Vault did not give the verifier: {type(error).__name__}.") from error
        except (KeyError, TypeError) as error:
            raise StoreUnavailable("Vault's entry is not a verifier.") from error

    def delete(self, secret: ApiKeySecret) -> None:
        """Remove the entry with all its versions."""
        try:
            _client().secrets.kv.v2.delete_metadata_and_all_versions(
                path=secret.vault_path, mount_point=settings.VAULT_MOUNT
            )
        except _FAILURES as error:
            raise StoreUnavailable(f"Vault did not delete the verifier: {type(error).__name__}.") from error


def _settings_changed(*, setting: str, **_: object) -> None:
    if setting in {"VAULT_ADDR", "VAULT_TOKEN"}:
        _client.cache_clear()


# Sent only by Django's own override_settings.
setting_changed.connect(_settings_changed)
