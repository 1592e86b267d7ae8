"""Revoking a key, and undoing a mistake."""

from datetime import timedelta

from apikeys.events import ApiKeyRestored, ApiKeyRevoked
from apikeys.models import ApiKey, ApiKeySecret
from apikeys.representations import represent_key
from apikeys.services.editing import KeyChange, lock_key, save_change
from core import clock
from core.errors import DomainError
from core.events import publish
from core.principal import Principal
from core.valkey.fences import Effect

UNDO_MINUTES = 60


class UndoRefused(DomainError):
    """The revocation can no longer be undone, or must not be."""

    code = "undo_refused"
    status = 409
    only_on_pages = True
    title = "This revocation cannot be undone"
    fix = "Create a new key. Undo works for 60 minutes, and never after a leak or a revocation by staff."


def revoke_key(
    *, key: ApiKey, actor: Principal, reason: str = ApiKey.RevocationReason.USER, detail: str = ""
) -> KeyChange:
    """Revoke a key: all its secrets stop working in every process. Revoking twice changes nothing. Raises NotFound."""
    locked = lock_key(key.id)
    if locked.revoked_at is not None:
        return KeyChange(locked, Effect(immediate=True))
    effect = save_change(
        locked, revoked_at=clock.now(), revoked_by=actor.id, revocation_reason=ApiKey.RevocationReason(reason)
    )
    publish(
        ApiKeyRevoked(
            object_id=locked.public_id,
            object=represent_key(locked),
            detail={"reason": locked.revocation_reason, **({"detail": detail} if detail else {})},
        ),
        actor=actor,
    )
    return KeyChange(locked, effect)


def can_restore(key: ApiKey) -> bool:
    """Whether the revocation of a key may still be undone."""
    reason = ApiKey.RevocationReason
    return (
        key.revoked_at is not None
        # A report comes from an untrusted source, and nobody at the company has confirmed it yet.
        and (
            key.revocation_reason == reason.REPORTED
            or (key.revocation_reason == reason.USER and key.leaked_at is None)
        )
        and clock.now() < key.revoked_at + timedelta(minutes=UNDO_MINUTES)
    )


def restore_key(*, key: ApiKey, actor: Principal) -> KeyChange:
    """Undo a revocation. The caller must have checked that the actor is an owner with a recent login.

    Raises UndoRefused after UNDO_MINUTES, after a leak that the company has seen, and after a revocation by staff or an
    operator; NotFound.
    """
    locked = lock_key(key.id)
    if not can_restore(locked):
        raise UndoRefused("This key was revoked too long ago, by staff, or because it leaked.")
    revoked_at = locked.revoked_at
    assert revoked_at is not None
    if locked.revocation_reason == ApiKey.RevocationReason.REPORTED:
        # Otherwise reporting the secret again would revoke the key again and again.
        reported = ApiKeySecret.objects.filter(key=locked, reported_at__isnull=False)
        reported.update(report_overruled_at=clock.now())
    effect = save_change(locked, revoked_at=None, revoked_by="", revocation_reason="")
    publish(
        ApiKeyRestored(
            object_id=locked.public_id,
            object=represent_key(locked),
            changes={"revoked_at": [clock.rfc3339(revoked_at), None]},
        ),
        actor=actor,
    )
    return KeyChange(locked, effect)
