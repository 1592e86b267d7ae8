"""The proof of a day: a download that the company checks without us."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from audit import services
from audit.dashboard.streaming import download
from audit.export.proof import export_proof, find_head
from core.errors import NotFound
from core.tenancy import require_tenant
from core.values.moments import parse_day


@company_page(role=Role.DEVELOPER)
@require_safe
def download_proof(request: CompanyRequest, stream: str) -> HttpResponse:
    """Stream a day's rows with their seals and the signed head; `day` is the only parameter."""
    try:
        day = parse_day(request.GET.get("day", ""))
    except ValueError as error:
        raise NotFound from error
    head = find_head(stream, day)
    services.record_proof(stream=stream, day=day.isoformat(), actor=request.principal)
    body = export_proof(require_tenant(), head)
    return download(body, "application/x-ndjson", f"proof-{stream}-{request.mode}-{day.isoformat()}.jsonl")
