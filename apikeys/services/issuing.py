"""Creating keys and making secrets. The only place where a secret exists in plaintext, to be shown once."""

from dataclasses import dataclass

from apikeys import hashers, keys, stores
from apikeys.events import ApiKeyCreated
from apikeys.models import ApiKey, ApiKeySecret
from apikeys.representations import represent_key
from apikeys.services.settings import KeySettings, check_settings
from core import clock
from core.errors import TemporarilyUnavailable
from core.events import publish
from core.postgres.failures import refusing
from core.principal import Principal
from core.tenancy import Tenant, require_tenant
from core.valkey.fences import Effect
from core.values import ids

__all__ = ["IssuedKey", "KeySettings", "NewSecret", "create_key", "prepare_secret", "store_secret"]


@dataclass(frozen=True, slots=True, repr=False)
class IssuedKey:
    """A key with its plaintext secret, which is shown once. Its repr does not show it.

    After a rotation has committed, `effect` says whether the end of the old secret has reached every process.
    """

    key: ApiKey
    client_secret: str
    effect: Effect | None = None

    @property
    def client_id(self) -> str:
        """The key's public id."""
        return self.key.public_id

    def __repr__(self) -> str:
        return f"<IssuedKey {self.client_id}>"


@dataclass(frozen=True, slots=True, repr=False)
class NewSecret:
    """A secret that has been hashed and stored (in Vault, if configured) but belongs to no key yet."""

    tenant: Tenant
    text: str
    row: ApiKeySecret

    def __repr__(self) -> str:
        return f"<NewSecret {self.row.public_id}>"


def prepare_secret(tenant: Tenant) -> NewSecret:
    """Make a secret for a key of `tenant`. Call it before the transaction that gives it to the key.

    Hashing takes a quarter of a second, and a Vault call may take longer. A secret that is never used is harmless: nothing
    references it. Raises TemporarilyUnavailable if the store does not accept it.
    """
    secret = keys.generate(tenant.mode)
    row = ApiKeySecret(
        id=ids.new_id(),
        company_id=tenant.company_id,
        mode=tenant.mode,
        locator=secret.locator,
        tail=secret.text[-keys.TAIL_LENGTH :],
    )
    try:
        columns = stores.configured_store().save(row, hashers.make_verifier(secret.text))
    except (stores.StoreUnavailable, hashers.HasherBusy) as error:
        raise TemporarilyUnavailable("The secret cannot be stored right now; nothing was changed.") from error
    for name, value in columns.items():
        setattr(row, name, value)
    return NewSecret(tenant, secret.text, row)


def create_key(*, chosen: KeySettings, secret: NewSecret, actor: Principal) -> IssuedKey:
    """Create a key with its first secret, which `prepare_secret` made, in the current tenant.

    Raises FieldErrors, and TemporarilyUnavailable when the secret cannot be used.
    """
    columns = check_settings(chosen, actor=actor)
    now = clock.now()
    key = ApiKey.objects.create(
        **columns,
        created=now,
        updated=now,
        rotated_at=now,
        changed_at=now,
        created_by=actor.id,
        created_by_name=actor.name,
    )
    store_secret(key, secret)
    publish(
        ApiKeyCreated(
            object_id=key.public_id, object=represent_key(key), detail={"scopes": list(key.scopes)}
        ),
        actor=actor,
    )
    return IssuedKey(key, secret.text)


def store_secret(key: ApiKey, secret: NewSecret) -> None:
    """Store a prepared secret as the newest of `key`.

    Raises TemporarilyUnavailable if another secret has the same locator (one in 62^8), and ValueError for a secret of
    another tenant.
    """
    if secret.tenant != require_tenant():
        raise ValueError("This secret was made for another company or mode.")
    secret.row.key = key
    with refusing(
        "apikeysecret_locator", lambda: TemporarilyUnavailable("The secret cannot be used; try again.")
    ):
        secret.row.save(force_insert=True)
