"""Signing secrets on the dashboard: show and rotate, both behind a recent login."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from accounts.sudo import recent_login_required
from webhooks import selectors
from webhooks.dashboard.forms import RotateForm
from webhooks.dashboard.views.endpoints import show_secret
from webhooks.services.secrets import reveal_secret, rotate_secret


@recent_login_required
@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def reveal(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Confirm, then show the current secret and record that it was shown."""
    endpoint = selectors.get_endpoint(public_id)
    if request.method == "POST":
        secret = reveal_secret(endpoint=endpoint, actor=request.principal)
        return show_secret(request, endpoint, secret, "revealed")
    return render(request, "webhooks/secret_reveal.html", {"endpoint": endpoint})


@recent_login_required
@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def rotate(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Ask when the old secret should expire, then show the new one."""
    endpoint = selectors.get_endpoint(public_id)
    form = RotateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        secret = rotate_secret(
            endpoint=endpoint, actor=request.principal, overlap=form.cleaned_data["overlap"]
        )
        return show_secret(request, endpoint, secret, "rotated")
    status = 422 if request.method == "POST" else 200
    return render(request, "webhooks/secret_rotate.html", {"endpoint": endpoint, "form": form}, status=status)
