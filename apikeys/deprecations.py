"""Deprecated operations and API versions that a key, or a company's keys, still use."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from apikeys.models import ApiKey, ApiKeyDeprecatedUse
from apikeys.selectors import deprecated_uses
from core.api import versions
from core.api.deprecation import Deprecation
from core.api.operations import deprecated_operations

# A key that has not used it for this long has migrated.
STILL = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class DeprecatedUse:
    """Something deprecated that a key used in the last 30 days: an operation, or a version of the API."""

    what: str
    last_used_at: datetime
    deprecation: Deprecation


def declared() -> dict[str, Deprecation]:
    """Return everything that is deprecated now, by the name under which its use is recorded."""
    of_versions = {each.date: each.deprecation for each in versions.VERSIONS if each.deprecation is not None}
    return {**deprecated_operations(), **of_versions}


def still_used(key: ApiKey, now: datetime) -> list[DeprecatedUse]:
    """Return the deprecated things that `key` still uses, most recent use first."""
    known = declared()
    return [
        DeprecatedUse(what, moment, known[what])
        for what, moment in deprecated_uses(key).items()
        if what in known and now - moment <= STILL
    ]


def keys_that_still_use(keys: Iterable[ApiKey], now: datetime) -> set[UUID]:
    """Return the ids of those `keys` that used something deprecated in the last 30 days."""
    known = declared()
    if not known:
        return set()
    rows = ApiKeyDeprecatedUse.objects.filter(
        key__in=[key.id for key in keys], what__in=known, last_used_at__gte=now - STILL
    )
    return set(rows.values_list("key_id", flat=True))
