"""Template pages: list, detail with preview, create, edit, delete."""

from __future__ import annotations

from csp.decorators import csp, csp_update
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from core.errors import DomainError, FieldErrors, NotFound
from core.ui.lists import paginate_list
from core.ui.one_time_forms import act_once
from messaging import services
from messaging.dashboard.template_forms import PreviewForm, TemplateFilterForm, TemplateForm, write_values
from messaging.models import Template
from messaging.selectors import templates as selectors
from messaging.services.composing import example_values, preview

# The permissions of a customer's HTML in previews: to render. No scripts, forms or frames, and no URL of this site.
PREVIEW_POLICY = {
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "img-src": ["https:", "data:"],
    "font-src": ["https:", "data:"],
    "frame-ancestors": ["'self'"],
    "sandbox": [],
}


@company_page()
@require_safe
def template_list(request: CompanyRequest) -> HttpResponse:
    """Templates, newest first."""
    form = TemplateFilterForm(request.GET)
    rows = selectors.list_templates()
    if form.is_valid():
        rows = rows.filter(**{name: value for name, value in form.cleaned_data.items() if value})
    try:
        page = paginate_list(rows, request, columns={**selectors.TEMPLATE_SORT, "updated": "updated"})
    except FieldErrors:
        return redirect("messaging:templates")
    context = {"form": form, "page": page, "may_change": at_least(request.membership.role, Role.DEVELOPER)}
    return render(request, "messaging/template_list.html", context)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: CompanyRequest) -> HttpResponse:
    """Create a template."""
    form = TemplateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return act_once(
                request,
                lambda: _create(request, form),
                if_sent_before="This form was already submitted: no second template was created.",
            )
        except DomainError as refusal:
            form.show_refusal(refusal)
    return render(request, "messaging/template_form.html", {"form": form}, status=400 if form.errors else 200)


def _create(request: CompanyRequest, form: TemplateForm) -> HttpResponse:
    row = services.create_template(actor=request.principal, **form.template_fields)
    messages.success(request, f"The template {row.name} was created.")
    return redirect("messaging:template", row.public_id)


@csp_update({"frame-src": ["'self'"]})  # type: ignore[arg-type]  # its annotations know no other request
@company_page()
@require_safe
def detail(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Show a template: the texts of one version, its variables, and a preview."""
    row = selectors.get_template(public_id)
    version = selectors.find_version(row, _number(request.GET.get("version", "")))
    if version is None:
        raise NotFound
    context = {
        "template": row,
        "version": version,
        "versions": selectors.list_versions(row),
        "form": PreviewForm(
            initial={"version": version.number, "variables": write_values(dict(example_values(version)))}
        ),
        "may_change": at_least(request.membership.role, Role.DEVELOPER),
    }
    return render(request, "messaging/template_detail.html", context)


@csp(PREVIEW_POLICY)  # type: ignore[arg-type]
@xframe_options_sameorigin
@company_page()
@require_http_methods(["GET", "HEAD", "POST"])
def show_preview(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Return a rendered message with example or submitted values, for the frame of the template's page."""
    row = selectors.get_template(public_id)
    sent = request.POST if request.method == "POST" else request.GET
    form = PreviewForm(sent)
    problems: list[str] = []
    composed = None
    if not form.is_valid():
        problems = [str(error) for errors in form.errors.values() for error in errors]
    else:
        values = form.cleaned_data["variables"] if request.method == "POST" else None
        try:
            _, composed = preview(row, number=form.cleaned_data["version"], variables=values)
        except FieldErrors as refusal:
            problems = [f"{one.field.removeprefix('variables.')}: {one.message}" for one in refusal.fields]
    context = {"composed": composed, "problems": problems}
    return render(request, "messaging/template_preview.html", context, status=400 if problems else 200)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Change a template."""
    row = selectors.get_template(public_id)
    version = selectors.newest_version(row)
    initial = {"name": row.name, "description": row.description, **TemplateForm.values_of(version)}
    form = TemplateForm(request.POST or None, initial=initial, version=version)
    if request.method == "POST" and form.is_valid():
        try:
            changed = services.update_template(template=row, actor=request.principal, **form.template_fields)
        except DomainError as refusal:
            form.show_refusal(refusal)
        else:
            messages.success(request, _describe_change(row, changed))
            return redirect("messaging:template", row.public_id)
    context = {"form": form, "template": row}
    return render(request, "messaging/template_form.html", context, status=400 if form.errors else 200)


def _describe_change(before: Template, after: Template) -> str:
    if after.version == before.version:
        return "The template was saved."
    return f"Saved as version {after.version}. New messages use it unless they name another version."


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Delete a template, after confirmation."""
    row = selectors.get_template(public_id)
    if request.method != "POST":
        return render(request, "messaging/template_delete.html", {"template": row})
    name = row.name
    services.delete_template(template=row, actor=request.principal)
    messages.success(request, f"The template {name} was deleted.")
    return redirect("messaging:templates")


def _number(text: str) -> int | None:
    """Return a version number; None, for the newest, if it is invalid."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
