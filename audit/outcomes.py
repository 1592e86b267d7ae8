"""What became of a request, in the words of the usage page. Pure; what it says of a row, a filter of the log says again (audit.selectors)."""

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """One of the parts that requests are counted in. `codes` are the refusals that belong to it, whatever their status."""

    name: str
    label: str
    codes: tuple[str, ...] = ()


# Their order is the order of the counts in audit_usagerollup.outcomes: new ones go to the end.
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
    """Return a count of nothing."""
    return [0] * len(OUTCOMES)


@lru_cache(maxsize=1000)
def place_of(status: int, refused_by: str) -> int:
    """Return the place in OUTCOMES of an answer with `status` that was refused by `refused_by` (empty: by nothing)."""
    if status < 400:
        return OK
    if status >= 500:
        return SERVER_ERROR
    if status == 429:
        return _PLACES["limit"]
    return _OF_CODE.get(refused_by, OTHER)
