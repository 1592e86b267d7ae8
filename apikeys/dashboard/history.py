"""The timeline of a key: its audit entries and, for the time before they start, what the key's own rows still show."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string

from apikeys.models import ApiKey, ApiKeySecret
from apikeys.representations import display_secret

# The label and tone of each action on a key. Requests, successful or not, are in the request log instead.
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
    """Return the timeline's entries, newest first; `secrets` are all of the key's secrets, newest first."""
    # The trail belongs to an app that must not be imported here, so a setting names the reader.
    trail = import_string(settings.OBJECT_HISTORY)(key.public_id, actions=tuple(TITLES))
    entries = [
        _timeline_entry(action, moment, who, changes, detail, entry_id)
        for action, moment, who, changes, detail, entry_id in trail
    ]
    begin = min((entry["moment"] for entry in entries), default=None)
    earlier = [entry for entry in _from_rows(key, secrets) if begin is None or entry["moment"] < begin]
    if any(entry["title"] == "Created" for entry in entries):
        earlier = []
    return sorted([*entries, *earlier], key=lambda entry: entry["moment"], reverse=True)


def _timeline_entry(
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
        about.append(_join_sorted(name.replace("_", " ") for name in changes))
    if action == "api_key.revoked" and detail.get("reason"):
        reason = str(detail["reason"])
        about.append(str(dict(ApiKey.RevocationReason.choices).get(reason, reason)))
    about.append(f"by {who}")
    url = reverse("audit:entry", args=[entry_id])
    return {"title": title, "moment": moment, "note": ", ".join(about), "tone": tone, "url": url}


def _join_sorted(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _from_rows(key: ApiKey, secrets: list[ApiKeySecret]) -> list[dict[str, Any]]:
    """Return entries derived from the rows of the key and its secrets, which outlive the audit trail."""
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
