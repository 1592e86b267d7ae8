"""What every form shares that moves money."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse

from accounts.access import CompanyRequest
from core.one_time_forms import act_once


def pay_once(request: CompanyRequest, pay: Callable[[], HttpResponse]) -> HttpResponse:
    """Return what `pay` answers; for a form that was sent before, its first answer, and say so. Raises what `act_once` does."""
    response, is_first = act_once(request, pay)
    if not is_first:
        messages.info(request, "This form was sent before: it moved no money a second time.")
    return response
