"""Reports of exposed secrets: a page, and an endpoint for programs. No sign-in needed.

Every well-formed secret gets the same response, whether it is valid, was valid, or never existed.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe
from rest_framework import serializers

from apikeys.dashboard.forms import FoundKeyForm
from apikeys.services.reports import receive_report
from core.api.errors import MethodNotAllowed
from core.api.exceptions import problem, to_domain_error
from core.api.rendering import JSON, dump, read_json
from core.api.serializers import StrictSerializer
from core.errors import DomainError, FieldErrors
from core.http.requests import Request, actor_of
from core.principal import Principal


class FoundKeyInput(StrictSerializer):
    """What a program sends."""

    secret = serializers.CharField()
    found_at = serializers.CharField(required=False, allow_blank=True, default="")


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def found_key_page(request: HttpRequest) -> HttpResponse:
    """Ask for the secret and where it was found."""
    form = FoundKeyForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                receive_report(
                    pasted=form.cleaned_data["secret"],
                    place=form.cleaned_data["found_at"],
                    reporter=_reporter(request),
                )
            except FieldErrors as error:
                form.show_errors(error)
            except DomainError as error:
                form.add_error(None, error.page_detail)
                return _page(request, form, error.status, error.headers)
            else:
                return redirect("apikeys:found_key_thanks")
    return _page(request, form, status)


@never_cache
@require_safe
def thanks_page(request: HttpRequest) -> HttpResponse:
    """What happens now; the same for every secret."""
    return render(request, "apikeys/found_key_thanks.html")


@never_cache
@csrf_exempt
@sensitive_variables("given")
def report_found_key(request: Request) -> HttpResponse:
    """The same for programs: `{"secret": "pm_live_…", "found_at": "https://…"}`, answered with 202."""
    try:
        if request.method != "POST":
            raise MethodNotAllowed("Send a POST.", headers={"Allow": "POST"})
        given = FoundKeyInput(data=read_json(request))
        given.is_valid(raise_exception=True)
        receive_report(
            pasted=given.validated_data["secret"],
            place=given.validated_data["found_at"],
            reporter=_reporter(request),
        )
    except Exception as raised:  # the boundary: every failure has a public form
        return problem(request, to_domain_error(raised))
    return HttpResponse(dump({"object": "leak_report", "status": "received"}), status=202, content_type=JSON)


def _reporter(request: HttpRequest) -> Principal:
    return actor_of(request, kind="system", id="anonymous", name="somebody who found a secret")


def _page(
    request: HttpRequest, form: FoundKeyForm, status: int, headers: dict[str, str] | None = None
) -> HttpResponse:
    context = {"form": form, "sample": _sample()}
    response = render(request, "apikeys/found_key.html", context, status=status)
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def _sample() -> str:
    return (
        f"curl {settings.PUBLIC_URL}{reverse('apikeys:report_found_key')} \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        """  -d '{"secret": "pm_live_…", "found_at": "https://git.example/.env"}'"""
    )
