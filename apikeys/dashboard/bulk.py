"""Bulk revoke, rotate and restore of the keys selected in the list, each with a confirmation page."""

from dataclasses import replace
from operator import attrgetter
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from accounts.sudo import recent_login_required
from apikeys.dashboard.changing import never_stored
from apikeys.dashboard.forms import RotateForm
from apikeys.models import ApiKey
from apikeys.selectors import get_keys
from apikeys.services import (
    MOST_REVOKED,
    MOST_ROTATED,
    NewSecret,
    check_active,
    prepare_secret,
    restore_keys,
    revoke_keys,
    rotate_keys,
)
from core import clock
from core.background.heavy import heavy_work
from core.tenancy import Tenant, tenant_context
from core.ui.bulk import Bulk, Chosen, selected_ids

REVOKE = Bulk(
    field="key",
    list_name="API keys",
    verb="Revoke",
    note="Programs that use them stop working immediately.",
    done="revoked",
    name_of=attrgetter("name"),
)
ROTATE = replace(REVOKE, verb="Rotate", note="New secrets for", done="rotated", tone="primary")
RESTORE = replace(
    REVOKE,
    verb="Reactivate",
    note="They work again with the same secrets.",
    done="working again",
    tone="primary",
)


class _BulkRequest(CompanyRequest):
    """The request of the bulk rotation page, for type checkers."""

    new_secrets: list[NewSecret]


def _prepare_secrets(request: CompanyRequest) -> None:
    """Make the secrets before the transaction, and only for keys that can be rotated: hashing is slow by design.

    Raises NotFound or KeyNotActive for any of the keys, and TemporarilyUnavailable while the company is making others.
    """
    inside = cast(_BulkRequest, request)
    inside.new_secrets = []
    asked = list(dict.fromkeys(request.POST.getlist("key")))
    if request.method != "POST" or not 0 < len(asked) <= MOST_ROTATED:
        return
    tenant = Tenant(request.membership.company_id, request.mode)
    with tenant_context(tenant):
        keys = get_keys(asked)
    if _rotate_form(request, keys).is_valid():
        for key in keys:
            check_active(key, clock.now())
        with heavy_work(tenant.company_id):
            inside.new_secrets = [prepare_secret(tenant) for _ in keys]


def _rotate_form(request: HttpRequest, keys: list[ApiKey]) -> RotateForm:
    # The confirmation form does not send a choice yet.
    return RotateForm(request.POST if "overlap" in request.POST else None, keys=keys)


def _chosen_keys(request: CompanyRequest, most: int) -> list[ApiKey]:
    """Return the selected keys; an empty list, with a message that explains why, if the page cannot act on them."""
    asked = selected_ids(request, "key", most=most)
    return get_keys(asked) if asked else []


def _chosen(bulk: Bulk, keys: list[ApiKey]) -> dict[str, Any]:
    """Return the context of the confirmation page."""
    return {
        "bulk": bulk,
        "keys": keys,
        "chosen": [Chosen(key, key.name) for key in keys],
        "number": len(keys),
        "count": bulk.count(len(keys)),
        "back": reverse("apikeys:list"),
    }


@recent_login_required
@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def revoke_selected(request: CompanyRequest) -> HttpResponse:
    """Confirm, then revoke every selected key."""
    keys = _chosen_keys(request, MOST_REVOKED)
    if not keys:
        return redirect("apikeys:list")
    if request.method == "POST":
        revoke_keys(keys=keys, actor=request.principal)
        messages.success(
            request,
            f"{REVOKE.count_with_verb(len(keys))} revoked. An owner can undo it here for 60 minutes: select them and choose “Undo”.",
        )
        return redirect(f"{reverse('apikeys:list')}?state=revoked")
    return render(request, "apikeys/revoke_selected.html", _chosen(REVOKE, keys))


@recent_login_required
@company_page(role=Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
def restore_selected(request: CompanyRequest) -> HttpResponse:
    """Confirm, then undo the revocation of every selected key."""
    keys = _chosen_keys(request, MOST_REVOKED)
    if not keys:
        return redirect("apikeys:list")
    if request.method == "POST":
        restore_keys(keys=keys, actor=request.principal)
        messages.success(request, f"{RESTORE.count_with_verb(len(keys))} {RESTORE.done}.")
        return redirect("apikeys:list")
    return render(request, "apikeys/restore_selected.html", _chosen(RESTORE, keys))


@recent_login_required
@never_stored
@company_page(role=Role.DEVELOPER, first=_prepare_secrets)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("issued", "context")
def rotate_selected(request: _BulkRequest) -> HttpResponse:
    """Confirm, then rotate every selected key and show the new secrets once."""
    keys = _chosen_keys(request, MOST_ROTATED)
    if not keys:
        return redirect("apikeys:list")
    form = _rotate_form(request, keys)
    if request.method == "POST" and form.is_valid():
        overlap = form.chosen()
        issued = rotate_keys(keys=keys, overlap=overlap, secrets=request.new_secrets, actor=request.principal)
        context: dict[str, Any] = {
            "issued": issued,
            "count": ROTATE.count_with_verb(len(keys)),
            "overlap_ends": clock.now() + overlap if overlap else None,
        }
        return render(request, "apikeys/secrets_once.html", context)
    context = {**_chosen(ROTATE, keys), "form": form}
    return render(request, "apikeys/rotate_selected.html", context, status=422 if form.is_bound else 200)
