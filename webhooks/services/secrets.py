"""Signing secrets: rotation with an overlap, and revealing after a recent login."""

from __future__ import annotations

from datetime import timedelta

from core import clock
from core.errors import FieldError, FieldErrors
from core.events import publish
from core.principal import Principal
from core.security import crypto
from webhooks import signing
from webhooks.events import EndpointSecretRevealed, EndpointSecretRotated
from webhooks.models import Endpoint, EndpointSecret
from webhooks.selectors import current_secret
from webhooks.services.endpoints import lock_endpoint

OVERLAPS = {
    "none": timedelta(0),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}
MAX_VALID_SECRETS = 5


def rotate_secret(*, endpoint: Endpoint, actor: Principal, overlap: str) -> str:
    """Give the endpoint a new secret and return it. The old one expires now, or keeps signing during the overlap.

    `overlap` is one of `none`, `1h`, `24h`, `7d`. Raises FieldErrors, NotFound.
    """
    if overlap not in OVERLAPS:
        raise FieldErrors([FieldError("overlap", "invalid", f"Use one of {', '.join(OVERLAPS)}.")])
    lock_endpoint(endpoint)  # serializes concurrent rotations
    now = clock.now()
    ends = now + OVERLAPS[overlap]
    secrets = EndpointSecret.objects.filter(endpoint=endpoint)
    secrets.filter(expires__lte=now).delete()
    if overlap == "none":
        secrets.delete()
    else:
        secrets.filter(expires=None).update(expires=ends)
        kept = secrets.order_by("-id").values_list("id", flat=True)[: MAX_VALID_SECRETS - 1]
        secrets.exclude(id__in=list(kept)).delete()
    secret = signing.new_secret()
    EndpointSecret.objects.create(endpoint=endpoint, secret=crypto.encrypt(secret.encode()))
    publish(
        EndpointSecretRotated(
            object_id=endpoint.public_id,
            detail={"overlap": overlap},
        ),
        actor=actor,
    )
    return secret


def reveal_secret(*, endpoint: Endpoint, actor: Principal) -> str:
    """Return the current secret and record who saw it. The caller must have checked for a recent login."""
    secret = current_secret(endpoint)
    publish(
        EndpointSecretRevealed(object_id=endpoint.public_id),
        actor=actor,
    )
    return secret
