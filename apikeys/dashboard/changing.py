"""Creating, editing, rotating and revoking keys. All of it requires a recent login.

Each page is two functions: the outer one runs after the inner one's transaction has committed, and warns if the change has not
reached every process.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from accounts.sudo import recent_login_required
from apikeys.dashboard.forms import KeyForm, RevokeForm, RotateForm
from apikeys.dashboard.samples import samples_of
from apikeys.models import ApiKey
from apikeys.policy import policy_of
from apikeys.replay import PERIOD, Replay, replay, required_scopes
from apikeys.selectors import get_key
from apikeys.services import (
    IssuedKey,
    NewSecret,
    check_rotate,
    create_key,
    end_overlap,
    objects_created_by_key,
    prepare_secret,
    restore_key,
    revoke_key,
    revoke_leaked_key,
    rotate_key,
    update_key,
)
from apikeys.services.settings import check_settings
from billing.entitlements import limits_of
from core import clock
from core.api.scopes import PRESETS, SCOPES
from core.errors import FieldErrors
from core.principal import Principal
from core.tenancy import Tenant

View = Callable[..., HttpResponse]


def never_stored(view: View) -> View:
    """Prevent caching of a page that shows a secret."""

    @wraps(view)
    def no_store(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        add_never_cache_headers(response)
        response.headers["Cache-Control"] = "no-store"
        # Not `no-referrer`: browsers would then post the form with `Origin: null`, which the CSRF check refuses.
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    return no_store


class _SecretRequest(CompanyRequest):
    """The request of the two pages that show a secret, for type checkers."""

    new_secret: NewSecret


def _prepare_secret(request: CompanyRequest) -> None:
    """Make the secret before the transaction: hashing is slow by design, and Vault may be slow too."""
    if request.method == "POST":
        tenant = Tenant(request.membership.company_id, request.mode)
        cast(_SecretRequest, request).new_secret = prepare_secret(tenant)


@recent_login_required
@never_stored
@company_page(role=Role.DEVELOPER, first=_prepare_secret)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("issued")
def create_page(request: _SecretRequest) -> HttpResponse:
    """Create a key and show its secret, once, in the answer to the POST itself."""
    form = KeyForm(
        request.POST or None,
        initial=_beginning(request),
        plan_limit=_plan_limit(request),
        policy=policy_of(request.membership.company),
    )
    if request.method == "POST" and form.is_valid():
        try:
            issued = create_key(chosen=form.chosen(), secret=request.new_secret, actor=request.principal)
        except FieldErrors as error:
            form.show_errors(error)
        else:
            return _show_secret(request, issued)
    return _form_page(request, "apikeys/create.html", form)


def _plan_limit(request: CompanyRequest) -> int:
    return limits_of(request.membership.company).requests_per_minute


def _beginning(request: HttpRequest) -> dict[str, Any]:
    """Initial values of a new key's form: `?preset=` selects scopes, `?kind=browser` the kind.

    A browser key starts without scopes: anything public must be selected explicitly.
    """
    scopes = PRESETS.get(request.GET.get("preset", ""), ())
    kind = {"kind": ApiKey.Kind.BROWSER} if request.GET.get("kind") == ApiKey.Kind.BROWSER else {}
    return {"scopes": list(scopes), **kind}


@recent_login_required
@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def edit_page(request: CompanyRequest, client_id: str) -> HttpResponse:
    """Change name, scopes, limits and restrictions."""
    key = get_key(client_id)
    form = KeyForm(
        request.POST or None,
        editing=key,
        plan_limit=_plan_limit(request),
        policy=policy_of(request.membership.company),
    )
    replayed = None
    if request.method == "POST" and form.is_valid():
        try:
            if "check" in request.POST:
                replayed = _replay_last_days(key, form, request.principal)
            else:
                change = update_key(key=key, chosen=form.chosen(), actor=request.principal)
                messages.success(request, f"{change.key.name} was updated.")
                return redirect("apikeys:detail", key.public_id)
        except FieldErrors as error:
            form.show_errors(error)
    return _form_page(request, "apikeys/edit.html", form, key=key, replay=replayed)


@recent_login_required
@never_stored
@company_page(role=Role.DEVELOPER, first=_prepare_secret)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("issued")
def rotate_page(request: _SecretRequest, client_id: str) -> HttpResponse:
    """Make a new secret and show it, once."""
    key = get_key(client_id)
    form = RotateForm(request.POST or None, keys=[key])
    if request.method == "POST" and form.is_valid():
        overlap = form.chosen()
        issued = rotate_key(key=key, overlap=overlap, secret=request.new_secret, actor=request.principal)
        return _show_secret(
            request, issued, rotated=True, overlap_ends=clock.now() + overlap if overlap else None
        )
    check_rotate(key, request.principal)
    context = {"key": key, "form": form, "last_used_at": key.last_used_at}
    return render(request, "apikeys/rotate.html", context, status=422 if form.is_bound else 200)


@recent_login_required
@company_page(role=Role.DEVELOPER)
@require_POST
def end_overlap_now(request: CompanyRequest, client_id: str) -> HttpResponse:
    """End the overlap of a rotation early."""
    change = end_overlap(key=get_key(client_id), actor=request.principal)
    messages.success(request, "The old secret no longer works.")
    return redirect("apikeys:detail", change.key.public_id)


@recent_login_required
@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def revoke_page(request: CompanyRequest, client_id: str) -> HttpResponse:
    """Confirm, then revoke."""
    key = get_key(client_id)
    form = RevokeForm(request.POST or None)
    if request.method == "POST" and (form.is_valid() or not form.is_bound):
        if form.is_bound and form.cleaned_data["leaked"]:
            leak = revoke_leaked_key(key=key, since=form.since_of(key), actor=request.principal)
            ended = "".join(f" {title}: {count} switched off." for title, count in leak.switched_off.items())
            messages.success(request, f"{leak.change.key.name} is revoked.{ended}")
        else:
            change = revoke_key(key=key, actor=request.principal)
            messages.success(request, f"{change.key.name} is revoked.")
        return redirect("apikeys:detail", key.public_id)
    context = {"key": key, "form": form, "made": objects_created_by_key(key)}
    return render(request, "apikeys/revoke.html", context, status=422 if form.is_bound else 200)


@recent_login_required
@company_page(role=Role.OWNER)
@require_POST
def undo_revocation(request: CompanyRequest, client_id: str) -> HttpResponse:
    """Undo a revocation made by mistake."""
    change = restore_key(key=get_key(client_id), actor=request.principal)
    messages.success(request, f"{change.key.name} works again.")
    return redirect("apikeys:detail", change.key.public_id)


def _replay_last_days(key: ApiKey, form: KeyForm, actor: Principal) -> Replay:
    """Replay recent calls against the form's restrictions, without saving. Raises FieldErrors."""
    columns = check_settings(form.chosen(), actor=actor, current=key)
    # The log belongs to an app that must not be imported here, so a setting names the reader.
    calls = import_string(settings.KEY_CALLS)(key.id, since=clock.now() - PERIOD)
    return replay(
        calls, networks=columns["allowed_networks"], scopes=columns["scopes"], required=required_scopes()
    )


# --- pages ------------------------------------------------------------------------------------------------------------


def _form_page(request: HttpRequest, template: str, form: KeyForm, **context: Any) -> HttpResponse:
    checked = set(form["scopes"].value() or ())
    groups: dict[str, list[dict[str, Any]]] = {}
    for scope in SCOPES.values():
        groups.setdefault(scope.resource, []).append(
            {
                "name": scope.name,
                "description": scope.description,
                "writes": scope.writes,
                "checked": scope.name in checked,
            }
        )
    context |= {
        "form": form,
        "scope_groups": [{"resource": name, "scopes": scopes} for name, scopes in groups.items()],
        "presets": [
            {"id": name, "label": name.replace("-", " ").capitalize(), "scopes": " ".join(scopes)}
            for name, scopes in PRESETS.items()
        ],
    }
    return render(request, template, context, status=422 if form.errors else 200)


@sensitive_variables("issued", "context")
def _show_secret(request: HttpRequest, issued: IssuedKey, **facts: Any) -> HttpResponse:
    context = {
        "key": issued.key,
        "secret": issued.client_secret,
        "samples": samples_of(issued.key, issued.client_secret),
        "rotated": False,
        "overlap_ends": None,
        "browser_writes": [scope for scope in issued.key.scopes if SCOPES[scope].writes]
        if issued.key.kind == ApiKey.Kind.BROWSER
        else [],
        **facts,
    }
    return render(request, "apikeys/secret_once.html", context)
