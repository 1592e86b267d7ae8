"""The outcomes of requests on the usage page. Pure functions; the log's outcome filter in audit.selectors must match them."""

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """An outcome that requests are counted by. `codes` are the error codes that belong to it, regardless of status."""

    name: str
    label: str
    codes: tuple[str, ...] = ()


# In the order of the counts in audit_usagerollup.outcomes, so new ones must be appended.
OUTCOMES = (
    RequestOutcome("ok", "Successful"),
    RequestOutcome("scope", "Scope missing", ("insufficient_scope",)),
    RequestOutcome("ip", "Address refused", ("ip_not_allowed",)),
    RequestOutcome("origin", "Origin refused", ("origin_not_allowed",)),
    RequestOutcome("limit", "Over a limit"),
    RequestOutcome("validation", "Validation failed", ("validation_failed", "invalid_request")),
    RequestOutcome("other", "Other 4xx"),
    RequestOutcome("server_error", "Server error (5xx)"),
)
BY_NAME = {outcome.name: outcome for outcome in OUTCOMES}
NAMED_CODES = tuple(code for outcome in OUTCOMES for code in outcome.codes)
OK, OTHER, SERVER_ERROR = 0, 6, 7

_PLACES = {outcome.name: place for place, outcome in enumerate(OUTCOMES)}
_OF_CODE = {code: _PLACES[outcome.name] for outcome in OUTCOMES for code in outcome.codes}


def empty() -> list[int]:
    """Return a list of zero counts."""
    return [0] * len(OUTCOMES)


@lru_cache(maxsize=1000)
def place_of(status: int, refused_by: str) -> int:
    """Return the index in OUTCOMES for a response with `status` and the error code `refused_by` (empty if not refused)."""
    if status < 400:
        return OK
    if status >= 500:
        return SERVER_ERROR
    if status == 429:
        return _PLACES["limit"]
    return _OF_CODE.get(refused_by, OTHER)
