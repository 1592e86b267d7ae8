"""The time line of a key: what its audit trail says, and, from before the trail begins, what its own rows still know."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string

from apikeys.models import ApiKey, ApiKeySecret
from apikeys.representations import display_secret

# What a person calls each action on a key, and its tone. Calls and failed calls stand in the request log instead.
TITLES = {
    "api_key.created": ("Created", "ok"),
    "api_key.updated": ("Edited", "muted"),
    "api_key.rotated": ("Rotated", "accent"),
    "api_key.overlap_ended": ("Old secret ended", "muted"),
    "api_key.revoked": ("Revoked", "danger"),
    "api_key.restored": ("Revocation undone", "ok"),
    "api_key.expiring": ("About to expire", "warn"),
    "api_key.expired": ("Expired", "danger"),
    "api_key.rotation_due": ("Rotation due", "warn"),
    "api_key.exposed": ("Reported as leaked", "danger"),
    "api_key.dead_secret_reported": ("Old secret reported as leaked", "warn"),
}


def history_of(key: ApiKey, secrets: list[ApiKeySecret]) -> list[dict[str, Any]]:
    """Return the entries of the time line, newest first; `secrets` are all of the key's, newest first."""
    # The trail belongs to an app this one may not import: settings name the reader.
    trail = import_string(settings.OBJECT_HISTORY)(key.public_id, actions=tuple(TITLES))
    told = [
        _told(action, moment, who, changes, detail, entry_id)
        for action, moment, who, changes, detail, entry_id in trail
    ]
    begin = min((entry["moment"] for entry in told), default=None)
    earlier = [entry for entry in _from_rows(key, secrets) if begin is None or entry["moment"] < begin]
    if any(entry["title"] == "Created" for entry in told):
        earlier = []
    return sorted([*told, *earlier], key=lambda entry: entry["moment"], reverse=True)


def _told(
    action: str,
    moment: datetime,
    who: str,
    changes: dict[str, Any],
    detail: dict[str, Any],
    entry_id: str,
) -> dict[str, Any]:
    title, tone = TITLES[action]
    about = []
    if action == "api_key.updated" and changes:
        about.append(_listed(name.replace("_", " ") for name in changes))
    if action == "api_key.revoked" and detail.get("reason"):
        reason = str(detail["reason"])
        about.append(str(dict(ApiKey.RevocationReason.choices).get(reason, reason)))
    about.append(f"by {who}")
    url = reverse("audit:entry", args=[entry_id])
    return {"title": title, "moment": moment, "note": ", ".join(about), "tone": tone, "url": url}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _from_rows(key: ApiKey, secrets: list[ApiKeySecret]) -> list[dict[str, Any]]:
    """Return what the rows of the key and its secrets know: the trail is kept for a while only."""
    rows = (
        ("Created", "ok", key.created, f"by {key.created_by_name}"),
        *(("Rotated", "accent", secret.created, display_secret(secret)) for secret in secrets[:-1]),
        *(
            ("Reported as leaked", "danger", secret.reported_at, display_secret(secret))
            for secret in secrets
            if secret.reported_at is not None
        ),
        *(
            [("Revoked", "danger", key.revoked_at, key.get_revocation_reason_display())]
            if key.revoked_at is not None
            else []
        ),
    )
    return [
        {"title": title, "moment": moment, "note": note, "tone": tone, "url": ""}
        for title, tone, moment, note in rows
    ]
