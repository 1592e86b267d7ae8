"""What every form shares that creates something."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse

from accounts.access import CompanyRequest
from core.one_time_forms import act_once


def create_once(request: CompanyRequest, create: Callable[[], HttpResponse]) -> HttpResponse:
    """Return what `create` answers; for a form that was sent before, its first answer, and say so. Raises what `act_once` does."""
    response, is_first = act_once(request, create)
    if not is_first:
        messages.info(request, "This form was sent before: it created nothing a second time.")
    return response
