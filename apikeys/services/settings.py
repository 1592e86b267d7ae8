"""The settings of a key, validated in one place for creating and editing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from apikeys import policy
from apikeys.models import DEFAULT_RATE_LIMIT, DEFAULT_ROTATION_DAYS, MAX_NAME_LENGTH, ApiKey
from apikeys.restrictions import ANY_ORIGIN, InvalidRestriction, parse_networks, parse_origins, too_wide
from core import clock
from core.api import versions
from core.api.scopes import SCOPES, UnknownScope, normalize_scopes
from core.errors import FieldError, FieldErrors
from core.principal import Principal
from core.values.redaction import redact_text
from core.values.texts import (
    CONTROL_CHARACTERS,
    HOLDS_A_CREDENTIAL,
    NOTHING_TO_SEE,
    has_controls,
    is_visible,
    normalize,
)

MAX_RATE_LIMIT = 100_000
MAX_DESCRIPTION_LENGTH = 500
MAX_LIFETIME = timedelta(days=3650)
MAX_ROTATION_DAYS = 730


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """The requested settings of a key, not validated yet.

    `wildcard_confirmed` is set when a person has confirmed the warning about `*` on a key that can write or send.
    """

    name: str
    scopes: Sequence[str]
    description: str = ""
    kind: str = ApiKey.Kind.SERVER
    rate_limit: int = DEFAULT_RATE_LIMIT
    allowed_networks: Iterable[str] = field(default_factory=tuple)
    allowed_origins: Iterable[str] = field(default_factory=tuple)
    expires_at: datetime | None = None
    rotation_days: int | None = DEFAULT_ROTATION_DAYS
    wildcard_confirmed: bool = False
    # None: the newest version for a new key, unchanged for an existing one.
    api_version: str | None = None


def check_settings(chosen: KeySettings, *, actor: Principal, current: ApiKey | None = None) -> dict[str, Any]:
    """Return the model's columns for these settings, in canonical form. Raises FieldErrors naming every invalid field.

    Settings that violate the company's policy are refused too, as is an `actor` who does not meet it.

    `current` is the key being edited: its kind cannot change, and an expiry in the past may be kept.
    """
    errors: list[FieldError] = []
    columns: dict[str, Any] = {
        "name": normalize(chosen.name).strip(),
        "description": chosen.description.strip(),
        "kind": chosen.kind if current is None else current.kind,
        "rate_limit": chosen.rate_limit,
        "expires_at": chosen.expires_at,
        "rotation_days": chosen.rotation_days,
    }
    if chosen.api_version is not None and (current is None or chosen.api_version != current.api_version):
        columns["api_version"] = chosen.api_version
        if chosen.api_version not in [version.date for version in versions.served(clock.now())]:
            errors.append(
                FieldError(
                    "api_version", "invalid_choice", "This API version does not exist, or no longer does."
                )
            )
    errors += _check_texts(columns)
    try:
        columns["scopes"] = list(normalize_scopes(chosen.scopes))
        if not columns["scopes"]:
            errors.append(FieldError("scopes", "required", "Choose at least one scope."))
    except UnknownScope as error:
        errors.append(FieldError("scopes", "unknown_scope", str(error)))
    for name, parse, given in (
        ("allowed_networks", parse_networks, chosen.allowed_networks),
        ("allowed_origins", parse_origins, chosen.allowed_origins),
    ):
        try:
            columns[name] = parse(given)
        except InvalidRestriction as error:
            errors.append(FieldError(name, "invalid", str(error)))
    columns["has_wide_networks"] = too_wide(columns.get("allowed_networks", ())) is not None
    errors += _check_numbers(columns, current)
    errors += _check_browser(columns, wildcard_confirmed=chosen.wildcard_confirmed)
    rules = policy.current_policy()
    made_at = clock.now() if current is None else current.rotated_at
    errors += policy.actor_violations(rules, actor)
    refused = {error.field for error in errors}
    errors += (
        error
        for error in policy.settings_violations(rules, columns, made_at=made_at)
        if error.field not in refused
    )
    if errors:
        raise FieldErrors(errors)
    return columns


def _check_texts(columns: dict[str, Any]) -> list[FieldError]:
    errors = []
    if not columns["name"]:
        errors.append(FieldError("name", "required", "Give the key a name, ideally that of the integration."))
    elif not is_visible(columns["name"]):
        errors.append(FieldError("name", "invalid", NOTHING_TO_SEE))
    elif has_controls(columns["name"]):
        errors.append(FieldError("name", "invalid", CONTROL_CHARACTERS))
    elif redact_text(columns["name"]) != columns["name"]:
        errors.append(FieldError("name", "invalid", HOLDS_A_CREDENTIAL))
    for name, longest in (("name", MAX_NAME_LENGTH), ("description", MAX_DESCRIPTION_LENGTH)):
        if len(columns[name]) > longest:
            errors.append(FieldError(name, "too_long", f"At most {longest} characters."))
        if "\x00" in columns[name]:
            errors.append(FieldError(name, "invalid", "A NUL character cannot be stored."))
    if columns["kind"] not in ApiKey.Kind.values:
        errors.append(FieldError("kind", "invalid_choice", "A key is for a server or for a browser."))
    return errors


def _check_numbers(columns: dict[str, Any], current: ApiKey | None) -> list[FieldError]:
    errors = []
    if not 1 <= columns["rate_limit"] <= MAX_RATE_LIMIT:
        errors.append(
            FieldError("rate_limit", "out_of_range", f"Between 1 and {MAX_RATE_LIMIT} requests per minute.")
        )
    days = columns["rotation_days"]
    if days is not None and not 1 <= days <= MAX_ROTATION_DAYS:
        errors.append(FieldError("rotation_days", "out_of_range", f"Between 1 and {MAX_ROTATION_DAYS} days."))
    expires_at = columns["expires_at"]
    kept = current is not None and expires_at == current.expires_at
    if expires_at is not None and not kept:
        now = clock.now()
        if expires_at <= now:
            errors.append(FieldError("expires_at", "in_the_past", "The expiry must be in the future."))
        elif expires_at > now + MAX_LIFETIME:
            errors.append(FieldError("expires_at", "too_far", "A key can last at most ten years."))
    return errors


def _check_browser(columns: dict[str, Any], *, wildcard_confirmed: bool) -> list[FieldError]:
    origins, scopes = columns.get("allowed_origins"), columns.get("scopes")
    if origins is None or scopes is None:
        return []
    if columns["kind"] != ApiKey.Kind.BROWSER:
        if origins:
            message = "Only browser keys have allowed origins. A server key in a browser exposes its secret to everyone."
            return [FieldError("allowed_origins", "browser_only", message)]
        return []
    if not origins:
        return [
            FieldError("allowed_origins", "required", "A browser key must name the origins that may use it.")
        ]
    writes = [scope for scope in scopes if SCOPES[scope].writes]
    if ANY_ORIGIN in origins and writes and not wildcard_confirmed:
        message = (
            "With * every website can use this key, and anyone who opens one can read it and then "
            f"{', '.join(writes)}. List your origins, or confirm that you want this."
        )
        return [FieldError("allowed_origins", "wildcard_needs_confirmation", message)]
    return []
