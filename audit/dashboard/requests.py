"""The request pages: search, details with the guard's decisions, live tail and export."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from audit import representations, selectors, usage
from audit.dashboard.bodies import shown_bodies
from audit.dashboard.exporting import export
from audit.dashboard.forms import RequestFilterForm
from audit.dashboard.periods import oldest_since
from audit.models import RequestLog
from audit.sentences import as_sentences
from audit.windows import paginate_log, with_whole_run
from core import clock
from core.errors import FieldErrors
from core.ui.lists import wants_oldest

_CHOICES_FROM = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Repeated:
    """A request and the identical ones right before it with the same response, newest first."""

    log: RequestLog
    repeats: tuple[RequestLog, ...] = ()

    @property
    def count(self) -> int:
        """How often it was sent."""
        return 1 + len(self.repeats)


def repeated(logs: Iterable[RequestLog]) -> Iterator[Repeated]:
    """Yield a page's requests, grouping consecutive identical ones."""
    for _, group in groupby(logs, key=_grouping_key):
        newest, *older = group
        yield Repeated(newest, tuple(older))


def _repeats(logs: list[RequestLog], *, is_up: bool) -> list[Repeated]:
    """Return the rows of a page. Repeats are grouped from the newest on, in either direction of the list."""
    return list(repeated(reversed(logs)))[::-1] if is_up else list(repeated(logs))


def _grouping_key(log: RequestLog) -> tuple[Any, ...]:
    return log.method, log.path, log.status, log.refused_by, log.key, log.ip


def _filter_form(request: CompanyRequest) -> RequestFilterForm:
    since = clock.now() - _CHOICES_FROM
    return RequestFilterForm(
        request.GET, keys=usage.known_keys(since=since), routes=usage.known_routes(since=since)
    )


@company_page()
@require_safe
def request_list(request: CompanyRequest) -> HttpResponse:
    """Requests of the company in this mode, newest first; `live` refreshes the rows every two seconds."""
    form = _filter_form(request)
    try:
        rows = selectors.list_requests(form.chosen())
    except FieldErrors as error:
        form.refuse(error.fields)
        rows = RequestLog.objects.none()
    try:
        rows = rows.defer("trace", "user_agent")
        is_live = "live" in request.GET and not {"starting_after", "ending_before"} & request.GET.keys()
        is_up = wants_oldest(request) and not is_live
        page = paginate_log(rows, request, oldest_since=oldest_since(request) if is_up else None)
    except FieldErrors:
        return redirect("audit:requests")
    if not is_live:
        page = with_whole_run(page, rows, request, same=_grouping_key, oldest_first=is_up)
    template = "request_rows" if is_live and request.headers.get("HX-Request") else "request_list"
    query = request.GET.copy()
    query.pop("live", None)
    context = {
        "form": form,
        "page": page,
        # No grouping in the live view, because an expanded group would collapse at every refresh.
        "rows": [Repeated(log) for log in page.items] if is_live else _repeats(page.items, is_up=is_up),
        "is_live": is_live,
        "still": query.urlencode(),
        "live_query": "&".join(filter(None, [query.urlencode(), "live=1"])),
    }
    return render(request, f"audit/{template}.html", context)


@company_page()
@require_safe
def request_detail(request: CompanyRequest, public_id: str) -> HttpResponse:
    """One request with its response and, if it was refused, the failed check and its fix."""
    row = selectors.get_request(public_id)
    steps = row.trace or []
    # Keys and their pages belong to another app, so a setting names the function.
    fixes = import_string(settings.REQUEST_FIXES)(row) if row.refused_by else []
    context = {
        "log": row,
        "shown": representations.request_log(row),
        "decisions": [step for step in steps if not step.get("field")],
        "refused_fields": [step for step in steps if step.get("field")],
        "refusal": next((step for step in steps if not step["passed"] and not step.get("field")), None),
        "fixes": fixes,
        "may_fix": at_least(request.membership.role, Role.DEVELOPER),
        "entries": as_sentences(selectors.entries_of_request(row)),
        "same_id": urlencode({"client_request_id": row.client_request_id}),
        "bodies": shown_bodies(request, row),
        "trace_id": row.traceparent[3:35],
    }
    return render(request, "audit/request_detail.html", context)


@company_page(role=Role.DEVELOPER)
@require_safe
def export_requests(request: CompanyRequest, kind: str) -> HttpResponse:
    """Stream the requests that match the filters."""
    return export(
        request,
        kind,
        what="requests",
        name="requests",
        make_form=lambda: _filter_form(request),
        list_rows=selectors.list_requests,
        represent=representations.request_log,
    )
