"""The proof of a day: verified in the page, or downloaded for independent verification."""

from datetime import date
from itertools import islice

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from audit import services
from audit.dashboard.streaming import download
from audit.export.proof import export_proof, find_head
from audit.verification import is_kept, verify_chain, verify_drop
from core.background.heavy import heavy_work
from core.errors import NotFound
from core.tenancy import Tenant, require_tenant, tenant_context
from core.values.moments import parse_day

# The most rows and seals that the page verifies while the person waits (each seal is a query). The download is not limited.
MOST_ROWS = 50_000
MOST_SEALS = 5_000
FINDINGS_SHOWN = 50
WORDS = {
    "edited": "was changed after it was sealed",
    "deleted": "was removed after it was sealed",
    "inserted": "was added without a seal",
    "seal_altered": "is not the seal that was made",
    "seal_missing": "is missing",
    "cut_off": "the chain ends too early",
    "signature": "the signature is not ours",
    "unsigned": "has waited too long for a signature",
    "day_missing": "is gone without a signed record that it was dropped",
}


@company_page(role=Role.DEVELOPER)
@require_safe
def download_proof(request: CompanyRequest, stream: str) -> HttpResponse:
    """Stream a day's rows with their seals and the signed head; `day` is the only parameter."""
    day = _asked_day(request)
    head = find_head(stream, day)
    services.record_proof(stream=stream, day=day.isoformat(), actor=request.principal)
    body = export_proof(require_tenant(), head)
    return download(body, "application/x-ndjson", f"proof-{stream}-{request.mode}-{day.isoformat()}.jsonl")


@company_page(in_transaction=False)
@require_safe
def verify_day(request: CompanyRequest, stream: str) -> HttpResponse:
    """Verify a day's rows against their seals and the signed head, and show the result; `day` is the only parameter."""
    day = _asked_day(request)
    tenant = Tenant(request.membership.company_id, request.mode)
    with tenant_context(tenant):
        head = find_head(stream, day)
    is_too_long = head.rows > MOST_ROWS or head.seals > MOST_SEALS
    findings: list[dict[str, str]] = []
    if not is_too_long:
        with heavy_work(tenant.company_id):
            found = islice(verify_chain(head), FINDINGS_SHOWN)
            findings = [{"subject": each.subject, "words": WORDS[each.what]} for each in found]
    # Checked last, because a day dropped in the meantime was not verified completely.
    has_gone = not is_kept(head)
    if has_gone:
        # A checkpoint covers the rows of all companies.
        findings += [{"subject": f"{day:%Y-%m-%d}", "words": WORDS[each.what]} for each in verify_drop(head)]
    context = {
        "head": head,
        "day": day,
        "stream": stream,
        "most_rows": MOST_ROWS,
        "most_seals": MOST_SEALS,
        "is_too_long": is_too_long,
        "has_gone": has_gone,
        "findings": findings,
    }
    with tenant_context(tenant):
        return render(request, "audit/verified.html", context)


def _asked_day(request: CompanyRequest) -> date:
    try:
        return parse_day(request.GET.get("day", ""))
    except ValueError as error:
        raise NotFound from error
