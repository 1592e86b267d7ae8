"""Advice about a key based on its actual use: trim scopes, retire secrets, rotate, revoke. Purely informational."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apikeys.models import ApiKey, ApiKeySecret
from apikeys.restrictions import ANY_ORIGIN, restricts_nothing
from apikeys.selectors import UNUSED_AFTER
from core.api.scopes import SCOPES
from core.values.moments import describe_distance

LONG_UNUSED_AFTER = timedelta(days=90)
# An old secret that has been unused for this long may be retired before its overlap ends.
QUIET_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Advice:
    """One finding. `action` is the action the page should offer: edit, rotate, revoke, end_overlap or none."""

    code: str
    title: str
    text: str
    tone: str = "warn"
    action: str = ""


@dataclass(frozen=True, slots=True)
class RotationState:
    """The age of the newest secret compared with the key's rotation interval."""

    age_days: int
    due_in_days: int | None

    @property
    def is_due(self) -> bool:
        """Whether the interval has passed."""
        return self.due_in_days is not None and self.due_in_days <= 0


def rotation_state(key: ApiKey, now: datetime) -> RotationState:
    """The age of a key's newest secret and the days left until its rotation is due."""
    due = None
    if key.rotation_days is not None:
        # Rounded up: a partial day counts as a day left.
        due = -((now - key.rotated_at - timedelta(days=key.rotation_days)) // timedelta(days=1))
    return RotationState((now - key.rotated_at).days, due)


def unused_for(key: ApiKey, now: datetime) -> timedelta | None:
    """How long a key has been unused, if at least UNUSED_AFTER; None for a key in use or too new to judge."""
    quiet = now - (key.last_used_at or key.created)
    return quiet if quiet >= UNUSED_AFTER else None


def advise(
    key: ApiKey, secrets: Sequence[ApiKeySecret], scope_uses: Mapping[str, datetime], now: datetime
) -> list[Advice]:
    """Suggested changes to an active key, most useful first.

    `secrets` are the working ones, newest first; `scope_uses` maps a scope to its last use.
    """
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return []
    advice = [*_advise_secrets(secrets, now)]
    quiet = unused_for(key, now)
    if quiet is not None:
        long = quiet >= LONG_UNUSED_AFTER
        advice.append(
            Advice(
                "unused_key",
                f"Not used for {quiet.days} days",
                "An unused key is nothing but a risk: revoke it. You can undo that for 60 minutes.",
                tone="danger" if long else "warn",
                action="revoke",
            )
        )
    elif now - key.created >= UNUSED_AFTER:
        advice += _advise_scopes(key, scope_uses, now)
    if rotation_state(key, now).is_due:
        advice.append(
            Advice(
                "rotation_due",
                f"The secret is {rotation_state(key, now).age_days} days old",
                f"You asked to be reminded after {key.rotation_days} days. Rotate with an overlap, and nothing stops working.",
                action="rotate",
            )
        )
    advice += _advise_restrictions(key)
    if key.last_used_at is None and quiet is None:
        advice.append(_not_used_yet())
    if not advice:
        advice.append(_all_well(key, now))
    return advice


def _not_used_yet() -> Advice:
    text = "Once it is in use, this page shows which of its scopes are never needed."
    return Advice("not_used_yet", "Not used yet", text, "info")


def _all_well(key: ApiKey, now: datetime) -> Advice:
    """Say what was checked. For a new key it is too early to tell which scopes it does not need."""
    if now - key.created < UNUSED_AFTER:
        text = f"Scopes it does not need are shown once it is {UNUSED_AFTER.days} days old."
    else:
        text = f"Every scope was needed in the last {UNUSED_AFTER.days} days."
    return Advice("all_well", "Nothing to improve", text, "ok")


def _advise_secrets(secrets: Sequence[ApiKeySecret], now: datetime) -> list[Advice]:
    advice = []
    for old in (secret for secret in secrets if secret.ends_at is not None and secret.ends_at > now):
        verdict = retirement_verdict(old, secrets, now)
        if verdict.tone == "ok":
            advice.append(Advice("safe_to_retire", verdict.title, verdict.text, "ok", "end_overlap"))
        else:
            advice.append(verdict)
    return advice


def retirement_verdict(old: ApiKeySecret, secrets: Sequence[ApiKeySecret], now: datetime) -> Advice:
    """Whether an old secret in its overlap can be ended without breaking anything."""
    newest = secrets[0]
    since_rotation = now - newest.created
    used_since = old.last_used_at is not None and old.last_used_at > newest.created
    quiet = now - (old.last_used_at if used_since and old.last_used_at else newest.created)
    if used_since and old.last_used_at and quiet < QUIET_AFTER:
        where = f" from {old.last_used_ip}" if old.last_used_ip else ""
        return Advice(
            "old_secret_in_use",
            "The old secret is still in use",
            f"Last seen {describe_distance(old.last_used_at, now)}{where}.",
        )
    if newest.last_used_at is None:
        return Advice(
            "new_secret_unused",
            "The new secret has not been used yet",
            "Deploy it everywhere the key is used before the old one stops working.",
        )
    if since_rotation < QUIET_AFTER:
        return Advice("too_early", "Too early to say", "The old secret was used less than an hour ago.")
    return Advice(
        "safe_to_retire",
        "The old secret is safe to retire",
        "Only the new one has been used for an hour or more.",
        "ok",
    )


def _advise_scopes(key: ApiKey, scope_uses: Mapping[str, datetime], now: datetime) -> list[Advice]:
    idle = [
        scope for scope in key.scopes if scope not in scope_uses or now - scope_uses[scope] >= UNUSED_AFTER
    ]
    if not idle:
        return []
    writes = [scope for scope in idle if SCOPES[scope].writes]
    text = f"{', '.join(idle)}: trim {'it' if len(idle) == 1 else 'them'}, so that a leak can do less."
    return [
        Advice(
            "unused_scopes",
            f"{len(idle)} of {len(key.scopes)} scopes not used in 30 days",
            text,
            tone="warn" if writes else "info",
            action="edit",
        )
    ]


def _advise_restrictions(key: ApiKey) -> list[Advice]:
    advice = []
    if key.kind == ApiKey.Kind.SERVER and restricts_nothing(key.allowed_networks) and key.mode == "live":
        text = "List the addresses your servers call from, and the secret is useless anywhere else."
        advice.append(Advice("no_ip_allow_list", "Usable from any address", text, "info", "edit"))
    if key.expires_at is None and key.mode == "live":
        text = "A short expiry with scheduled rotation limits what an unnoticed leak can do."
        advice.append(Advice("no_expiry", "Never expires", text, "info", "edit"))
    writes = [scope for scope in key.scopes if SCOPES[scope].writes]
    if key.kind == ApiKey.Kind.BROWSER and writes:
        text = f"Anyone who opens the page can read it and then {', '.join(writes)}. Proxy these through your backend."
        advice.append(Advice("browser_key_writes", "A browser key that can write", text, "danger", "edit"))
    if ANY_ORIGIN in key.allowed_origins:
        advice.append(
            Advice(
                "any_origin", "Any website can use it", "List your origins instead of *.", "danger", "edit"
            )
        )
    return advice
