"""The versions of the API, oldest first, and how a request finds its own.

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
    """Return the version that handlers speak, and that new keys are pinned to."""
    return VERSIONS[-1]


def pinned(date: str) -> ApiVersion:
    """Return the version a key was pinned to; the oldest that is served when that one has ended."""
    found = served(clock.now())
    return next((version for version in found if version.date == date), found[0])


def asked(date: str) -> ApiVersion:
    """Return the version that a request asks for by header. Raises UnknownVersion for one that is not served (any more)."""
    now = clock.now()
    for version in VERSIONS:
        if version.date == date:
            if version.deprecation is not None and version.deprecation.has_ended(now):
                raise _refused(f"The version {date} ended on {version.deprecation.sunset:%Y-%m-%d}.", now)
            return version
    raise _refused(f"This API has no version {date[:40]!a}.", now)


def served(now: datetime) -> list[ApiVersion]:
    """Return the versions that can be asked for, oldest first."""
    return [each for each in VERSIONS if each.deprecation is None or not each.deprecation.has_ended(now)]


def choices_for(date: str | None) -> list[str]:
    """Return the dates that what is pinned to `date` may be moved to, that one among them; empty where there is no choice.

    What is new (None) has the newest version.
    """
    dates = [version.date for version in served(clock.now())]
    if date is None or dates == [date]:
        return []
    return dates if date in dates else [date, *dates]


def _refused(detail: str, now: datetime) -> UnknownVersion:
    dates = [version.date for version in served(now)]
    return UnknownVersion(f"{detail} Send one of: {', '.join(dates)}.", facts={"versions": dates})


def upgraded(body: Json, request: Request) -> Json:
    """Return the `body` of `request` as the newest version writes it."""
    http = request._request  # noqa: SLF001 - DRF's name for Django's request
    later = _later_than(getattr(http, "api_version", None))
    if later and http.resolver_match is not None:
        operation = f"{http.method} {route_template(http.resolver_match.route)}"
        for version in later:
            body = version.upgrade_body(operation, body)
    return body


def downgraded(answer: object, http: HttpRequest) -> object:
    """Return an answer of the newest version as the version of this request gives it."""
    version: ApiVersion | None = getattr(http, "api_version", None)
    return answer if version is None else shown_in(version, answer)


def shown_in(version: ApiVersion, answer: Any) -> Any:
    """Return an answer of the newest version, or an event of any, as `version` gives it."""
    for later in reversed(_later_than(version)):
        answer = later.downgrade(answer, before=VERSIONS[VERSIONS.index(later) - 1].date)
    return answer


def _later_than(version: ApiVersion | None) -> list[ApiVersion]:
    """Return what came after a version, oldest first; nothing after the newest, or none."""
    if version is None or version is VERSIONS[-1]:
        return []
    return VERSIONS[VERSIONS.index(version) + 1 :]
