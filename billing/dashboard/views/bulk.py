"""Bulk actions: finalize and void invoices, delete customers."""

from collections.abc import Sequence
from operator import attrgetter

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from accounts.access import CompanyRequest, company_page, safe_next
from accounts.roles import Role
from billing import selectors, services
from billing.models import Customer, Invoice
from core.ui.bulk import Bulk, confirm_or_run
from core.values.currencies import money_text


def _name_of(invoice: Invoice) -> str:
    return (
        invoice.number or f"Draft for {invoice.customer.name}, {money_text(invoice.total, invoice.currency)}"
    )


FINALIZE = Bulk(
    field="invoice",
    list_name="Invoices",
    verb="Finalize",
    note="Each gets the next number and becomes due. After that it cannot be changed.",
    done="finalized",
    name_of=_name_of,
    check=services.check_finalize,
    tone="primary",
)
VOID = Bulk(
    field="invoice",
    list_name="Invoices",
    verb="Void",
    note="Each keeps its number and is no longer due. This cannot be undone.",
    done="void",
    name_of=_name_of,
    check=services.check_void,
)

DELETE = Bulk(
    field="customer",
    list_name="Customers",
    verb="Delete",
    note="They disappear from the dashboard and the API. Invoices and charges stay available. This cannot be undone.",
    done="deleted",
    name_of=attrgetter("name"),
    # Customers deleted concurrently are skipped.
    check=lambda row: selectors.get_customer(row.public_id),
)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def finalize_selected(request: CompanyRequest) -> HttpResponse:
    """Confirm, then finalize the selected drafts."""
    return confirm_or_run(
        request,
        FINALIZE,
        find=_find,
        act=lambda row: services.finalize_invoice(invoice=row, actor=request.principal),
        back=safe_next(request, "/invoices/"),
    )


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def void_selected(request: CompanyRequest) -> HttpResponse:
    """Confirm, then void the selected invoices."""
    return confirm_or_run(
        request,
        VOID,
        find=_find,
        act=lambda row: services.void_invoice(invoice=row, actor=request.principal),
        back=safe_next(request, "/invoices/"),
    )


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def delete_selected(request: CompanyRequest) -> HttpResponse:
    """Confirm, then delete the selected customers."""
    return confirm_or_run(
        request,
        DELETE,
        find=Customer.by_public_ids,
        act=lambda row: services.delete_customer(customer=row, actor=request.principal),
        back=safe_next(request, "/customers/"),
    )


def _find(public_ids: Sequence[str]) -> list[Invoice]:
    with_lines = Invoice.objects.select_related("customer").prefetch_related("lines")
    return Invoice.by_public_ids(public_ids, among=with_lines)
