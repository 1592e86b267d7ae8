"""Verifiers in HashiCorp Vault or OpenBao: KV version 2 under `VAULT_MOUNT`, by the hvac client."""

from collections.abc import Callable
from typing import Any

import hvac
from django.conf import settings

from apikeys.hashers import Verifier
from apikeys.models import ApiKeySecret
from apikeys.stores.base import StoreUnavailable
from apikeys.stores.vault_session import FAILURES, REFUSALS, SESSION
from core.postgres.outside import outside_transactions


def _kv(call: Callable[[Any], Any]) -> Any:
    """Return the result of `call` on the key-value store, retried once after a new login if our token was refused.

    Raises hvac's exceptions.
    """
    outside_transactions("vault")
    client: hvac.Client = SESSION.client()
    try:
        return call(client.secrets.kv.v2)
    except REFUSALS:
        again = SESSION.log_in_again(client)
        if again is None:
            raise
        return call(again.secrets.kv.v2)


class VaultStore:
    """Stores verifiers in Vault; the row holds the path."""

    name = "vault"

    def save(self, secret: ApiKeySecret, verifier: Verifier) -> dict[str, Any]:
        """Write the verifier. A version left behind by a rolled-back transaction is harmless: nothing references it."""
        path = f"pomelo/api-keys/{secret.company_id}/{secret.id}"
        try:
            _kv(
                lambda kv: kv.create_or_update_secret(
                    path=path,
                    secret={"hash": verifier.encoded, "fingerprint": verifier.fingerprint},
                    mount_point=settings.VAULT_MOUNT,
                )
            )
        except FAILURES as error:
            raise StoreUnavailable(f"Vault did not take the verifier: {type(error).__name__}.") from error
        return {"store": self.name, "encoded_hash": "", "fingerprint": "", "vault_path": path}

    def load(self, secret: ApiKeySecret) -> Verifier:
        """Read the verifier. A missing path is an outage to investigate, not a wrong secret."""
        try:
            answer = _kv(
                lambda kv: kv.read_secret_version(
                    path=secret.vault_path, mount_point=settings.VAULT_MOUNT, raise_on_deleted_version=True
                )
            )
            data = answer["data"]["data"]
            return Verifier(encoded=data["hash"], fingerprint=data["fingerprint"])
        except FAILURES as error:
            raise StoreUnavailable(f"Vault did not give the verifier: {type(error).__name__}.") from error
        except (KeyError, TypeError) as error:
            raise StoreUnavailable("Vault's entry is not a verifier.") from error

    def delete(self, secret: ApiKeySecret) -> None:
        """Remove the entry with all its versions."""
        try:
            _kv(
                lambda kv: kv.delete_metadata_and_all_versions(
                    path=secret.vault_path, mount_point=settings.VAULT_MOUNT
                )
            )
        except FAILURES as error:
            raise StoreUnavailable(f"Vault did not delete the verifier: {type(error).__name__}.") from error
