"""What the callback views share: POST only, bounded, and nothing happens before the signature has been verified."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from core.background import set_aside
from messaging.services.callbacks import BATCH_NAME, Report

MAX_BODY_BYTES = 1_048_576

log = structlog.get_logger(__name__)


class Unverified(Exception):
    """The request does not prove that it comes from the provider; the message is for our log only."""


class Unreadable(Exception):
    """The provider's signature is right, but we cannot read what it says."""


def read_each(source: str, events: Iterable[Any], read: Callable[[Any], Report | None]) -> list[Report]:
    """Return what `read` makes of each event; None is left out, and an event that it cannot read is set aside.

    Raises Unreadable when there are events and none of them can be read.
    """
    found: list[Report] = []
    failed: list[tuple[str, Exception]] = []
    readable = False
    for event in events:
        try:
            report = read(event)
        except Exception as error:  # of a provider's own code too; the other events of the call are good
            failed.append((f"{source}: {str(event)[:100]}", error))
        else:
            readable = True
            if report is not None:
                found.append(report)
    if failed and not readable:
        first = failed[0][1]
        raise Unreadable(f"{type(first).__name__}: {first}") from first
    for item, cause in failed:
        set_aside.put_aside(BATCH_NAME, item, cause)
    return found


def callback(view: Callable[[HttpRequest], None]) -> Callable[[HttpRequest], HttpResponse]:
    """Decorate a callback: 204 when it was taken, 403 when unverified, 400 when unreadable, 413 when too large."""

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
            log.warning("messaging.callback_refused", path=request.path, reason=str(error))
            return HttpResponse(status=403)
        except Unreadable as error:
            log.warning("messaging.callback_unreadable", path=request.path, reason=str(error))
            return HttpResponse(status=400)
        return HttpResponse(status=204)

    return guarded
