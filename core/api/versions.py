"""The versions of the API, oldest first, and the selection of a request's version.

A new one is a class here, at the end of `VERSIONS`; `docs/versions.md` (Adding a version) says when there must be one and what
else goes with it.
"""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request

from core import clock
from core.api.errors import UnknownVersion
from core.api.versioning import ApiVersion, Json
from core.http.routes import route_template

HEADER = "Pomelo-Version"


class November2026(ApiVersion):
    """The first version."""

    date = "2026-11-01"
    summary = "The API as it was first released."


VERSIONS: list[ApiVersion] = [November2026()]


def newest() -> ApiVersion:
    """Return the version that handlers implement and that new keys are pinned to."""
    return VERSIONS[-1]


def pinned(date: str) -> ApiVersion:
    """Return the version a key is pinned to, or the oldest supported one if that has ended."""
    found = served(clock.now())
    return next((version for version in found if version.date == date), found[0])


def asked(date: str) -> ApiVersion:
    """Return the version requested by header. Raises UnknownVersion for one that is not, or no longer, supported."""
    now = clock.now()
    for version in VERSIONS:
        if version.date == date:
            if version.deprecation is not None and version.deprecation.has_ended(now):
                raise _refused(f"The version {date} ended on {version.deprecation.sunset:%Y-%m-%d}.", now)
            return version
    raise _refused(f"This API has no version {date[:40]!a}.", now)


def served(now: datetime) -> list[ApiVersion]:
    """Return the supported versions, oldest first."""
    return [each for each in VERSIONS if each.deprecation is None or not each.deprecation.has_ended(now)]


def choices_for(date: str | None) -> list[str]:
    """Return the versions to choose from for something pinned to `date`, including that one; empty if there is no choice.

    None (something new) has the newest version.
    """
    dates = [version.date for version in served(clock.now())]
    if date is None or dates == [date]:
        return []
    return dates if date in dates else [date, *dates]


def _refused(detail: str, now: datetime) -> UnknownVersion:
    dates = [version.date for version in served(now)]
    return UnknownVersion(f"{detail} Send one of: {', '.join(dates)}.", facts={"versions": dates})


def upgraded(body: Json, request: Request) -> Json:
    """Convert the `body` of `request` to the newest version."""
    http = request._request  # noqa: SLF001 - DRF's name for Django's request
    later = _later_than(getattr(http, "api_version", None))
    if later and http.resolver_match is not None:
        operation = f"{http.method} {route_template(http.resolver_match.route)}"
        for version in later:
            body = version.upgrade_body(operation, body)
    return body


def downgraded(answer: object, http: HttpRequest) -> object:
    """Convert a response of the newest version to the version of this request."""
    version: ApiVersion | None = getattr(http, "api_version", None)
    return answer if version is None else shown_in(version, answer)


def shown_in(version: ApiVersion, answer: Any) -> Any:
    """Convert a response of the newest version, or an event of any version, to `version`."""
    for later in reversed(_later_than(version)):
        answer = later.downgrade(answer, before=VERSIONS[VERSIONS.index(later) - 1].date)
    return answer


def _later_than(version: ApiVersion | None) -> list[ApiVersion]:
    """Return the versions after `version`, oldest first; empty for the newest, or None."""
    if version is None or version is VERSIONS[-1]:
        return []
    return VERSIONS[VERSIONS.index(version) + 1 :]
