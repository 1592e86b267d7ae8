"""The golden signals of the web server: requests, outcomes, durations and time spent waiting for a slot.

Counted at the front door, so that pages, the API and early refusals are in one series. Never labelled by company, key or path.
"""

from prometheus_client import Counter, Histogram

from core.api.entry import is_api_path

# In seconds. An API request takes about a millisecond, a page ten, and nothing should take a minute.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Counter("pomelo_requests_total", "Requests that were worked on", ["surface", "method", "status"])
SECONDS = Histogram(
    "pomelo_request_seconds", "From the slot to the whole answer", ["surface"], buckets=_BUCKETS
)
WAIT = Histogram(
    "pomelo_request_wait_seconds", "How long complete requests waited for a slot", buckets=_BUCKETS
)
TURNED_AWAY = Counter(
    "pomelo_requests_turned_away_total", "Requests refused before they got a slot", ["status"]
)

_seconds = {surface: SECONDS.labels(surface) for surface in ("api", "pages")}
# The metric children in use, because looking one up by its labels costs more than counting.
_counters: dict[tuple[str, str, int], Counter] = {}


def count(*, path: str, method: str, status: int, waited: float, worked: float) -> None:
    """Count one answered request. Times are in seconds."""
    surface = "api" if is_api_path(path) else "pages"
    name = (surface, method if method in _METHODS else "other", status)
    counter = _counters.get(name)
    if counter is None:
        counter = _counters[name] = REQUESTS.labels(name[0], name[1], str(status))
    counter.inc()
    _seconds[surface].observe(worked)
    WAIT.observe(waited)
