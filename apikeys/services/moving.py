"""Moves verifiers between stores one at a time, so that it can be interrupted without loss."""

from collections.abc import Callable
from uuid import UUID

from apikeys.models import ApiKeySecret
from apikeys.stores import store_named, store_of
from core.tenancy import system_context

BATCH = 200


def count_secrets_outside(store: str) -> int:
    """How many secrets have their verifier in a store other than `store`."""
    with system_context(reason="secrets to move"):
        return ApiKeySecret.objects.exclude(store=store).count()


def move_secrets(*, to: str, on_progress: Callable[[int], None] = lambda count: None) -> int:
    """Move every verifier to the store named `to`. Returns how many were moved.

    For each: write to the new store, point the row to it in one statement, then delete the old copy. If interrupted, the
    row still points to a complete verifier, and the next run continues where this one stopped.
    Raises StoreUnavailable.
    """
    target = store_named(to)
    moved = 0
    after = UUID(int=0)
    while rows := _next_batch(to, after):
        for row in rows:
            source = store_of(row)
            columns = target.save(row, source.load(row))
            with system_context(reason="moved secret"):
                # It may have changed since it was read (by another run, or an upgraded hash).
                changed = ApiKeySecret.objects.filter(id=row.id, store=row.store, proof=row.proof).update(
                    **columns
                )
            if changed:
                source.delete(row)
                moved += 1
            on_progress(1)
        after = rows[-1].id
    return moved


def _next_batch(to: str, after: UUID) -> list[ApiKeySecret]:
    with system_context(reason="secrets to move"):
        return list(ApiKeySecret.objects.exclude(store=to).filter(id__gt=after).order_by("id")[:BATCH])
