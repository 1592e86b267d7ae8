"""Creating keys and making secrets. The only place where a secret exists in clear, for its one showing."""

from dataclasses import dataclass

from django.db import IntegrityError, transaction

from apikeys import hashers, keys, stores
from apikeys.events import ApiKeyCreated
from apikeys.models import ApiKey, ApiKeySecret
from apikeys.representations import represent_key
from apikeys.services.settings import KeySettings, check_settings
from core import clock, ids
from core.api.errors import TemporarilyUnavailable
from core.events import publish
from core.fences import Effect
from core.principal import Principal
from core.tenancy import require_tenant

__all__ = ["IssuedKey", "KeySettings", "create_key", "make_secret"]

# Two secrets share a locator once in 62^8; a few attempts are plenty.
LOCATOR_ATTEMPTS = 4


@dataclass(frozen=True, slots=True, repr=False)
class IssuedKey:
    """A key with a secret that is shown now and never again. Its repr does not show it.

    `effect` tells, after a rotation's commit, whether the end of the old secret has reached every process.
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


def create_key(*, chosen: KeySettings, actor: Principal) -> IssuedKey:
    """Create a key with its first secret in the current tenant.

    Raises FieldErrors, and TemporarilyUnavailable when the secret store cannot take the verifier.
    """
    columns = check_settings(chosen)
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
    secret = make_secret(key)
    publish(
        ApiKeyCreated(
            object_id=key.public_id, object=represent_key(key), detail={"scopes": list(key.scopes)}
        ),
        actor=actor,
    )
    return IssuedKey(key, secret)


def make_secret(key: ApiKey) -> str:
    """Make a secret for `key`, store its verifier and return it in clear. Raises TemporarilyUnavailable."""
    tenant = require_tenant()
    for attempt in range(LOCATOR_ATTEMPTS):
        secret = keys.generate(key.mode)
        row = ApiKeySecret(
            id=ids.new_id(),
            company_id=tenant.company_id,
            mode=tenant.mode,
            key=key,
            locator=secret.locator,
            tail=secret.text[-keys.TAIL_LENGTH :],
        )
        try:
            columns = stores.configured_store().save(row, hashers.make_verifier(secret.text))
        except (stores.StoreUnavailable, hashers.HasherBusy) as error:
            raise TemporarilyUnavailable("The secret cannot be stored right now; no key was made.") from error
        for name, value in columns.items():
            setattr(row, name, value)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            if attempt == LOCATOR_ATTEMPTS - 1:
                raise
        else:
            break
    return secret.text
