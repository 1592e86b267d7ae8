"""A decorator for webhook receivers: POST only, with a size limit, and no effect before the signature is verified."""

from collections.abc import Callable
from functools import wraps

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from prometheus_client import Counter

from core.http.sparing import LogRateLimiter

MAX_BODY_BYTES = 1_048_576
# A reason may quote what was sent.
MAX_REASON = 300

REFUSED = Counter(
    "pomelo_callbacks_refused_total",
    "Calls to callbacks that did not prove that they come from whom they name",
    ["callback"],
)

log = structlog.get_logger(__name__)
_refusals, _unreadable, _too_early = LogRateLimiter(), LogRateLimiter(), LogRateLimiter()


class Unverified(Exception):
    """The request's signature is missing or wrong; the message is for our log only."""


class Unreadable(Exception):
    """The signature is valid, but the content cannot be parsed."""


class TooEarly(Exception):
    """The subject of the report is not known yet; the sender should retry."""


def callback(view: Callable[[HttpRequest], None]) -> Callable[[HttpRequest], HttpResponse]:
    """Decorate a receiver: 204 when accepted, 403 when unverified, 400 when unreadable, 413 when too large, 503 when too early."""

    @csrf_exempt
    @require_POST
    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return HttpResponse(status=400)
        if length > MAX_BODY_BYTES:
            return HttpResponse(status=413)
        try:
            view(request)
        except Unverified as error:
            REFUSED.labels(view.__name__).inc()
            if (left_out := _refusals.count(view.__name__)) is not None:
                log.warning(
                    "callback.refused", path=request.path, reason=str(error)[:MAX_REASON], left_out=left_out
                )
            return HttpResponse(status=403)
        except Unreadable as error:
            # Where a secret in the address is all the proof there is, whoever has seen the address can go on and on.
            if (left_out := _unreadable.count(view.__name__)) is not None:
                log.warning(
                    "callback.unreadable",
                    path=request.path,
                    reason=str(error)[:MAX_REASON],
                    left_out=left_out,
                )
            return HttpResponse(status=400)
        except TooEarly as error:
            if (left_out := _too_early.count(view.__name__)) is not None:
                log.info(
                    "callback.too_early", path=request.path, reason=str(error)[:MAX_REASON], left_out=left_out
                )
            return HttpResponse(status=503)
        return HttpResponse(status=204)

    return guarded
