"""`/v1/invoices`."""

from collections.abc import Callable

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema

from accounts.selectors import current_company
from billing import representations, selectors, services
from billing.api.filters import InvoiceFilter
from billing.api.serializers import InvoiceInput, InvoiceOutput
from billing.api.views.references import resolve_references
from billing.models import Invoice
from core.api.filters import filter_queryset
from core.api.rendering import reply
from core.api.views import ApiRequest, ApiView


class InvoiceList(ApiView):
    """The company's invoices."""

    scopes = {"GET": "invoices:read", "POST": "invoices:write"}
    filterset_class = InvoiceFilter

    @extend_schema(operation_id="list_invoices", responses=InvoiceOutput(many=True))
    def get(self, request: ApiRequest) -> HttpResponse:
        """List invoices, newest first."""
        rows = filter_queryset(request, selectors.list_invoices(), InvoiceFilter)
        return self.page(request, rows, representations.invoice)

    @extend_schema(operation_id="create_invoice", request=InvoiceInput, responses={201: InvoiceOutput})
    def post(self, request: ApiRequest) -> HttpResponse:
        """Create a draft invoice."""
        fields = resolve_references(self.read_body(request, InvoiceInput))
        row = services.create_invoice(actor=request.principal, **fields)
        return reply(representations.invoice(row), 201)


class InvoiceDetail(ApiView):
    """One invoice."""

    scopes = {"GET": "invoices:read", "PATCH": "invoices:write", "DELETE": "invoices:write"}

    @extend_schema(operation_id="retrieve_invoice", responses=InvoiceOutput)
    def get(self, request: ApiRequest, id: str) -> HttpResponse:
        """Read an invoice."""
        return reply(representations.invoice(selectors.get_invoice(id)))

    @extend_schema(operation_id="update_invoice", request=InvoiceInput, responses=InvoiceOutput)
    def patch(self, request: ApiRequest, id: str) -> HttpResponse:
        """Change a draft; `lines` and `metadata` are replaced as a whole."""
        row = selectors.get_invoice(id)
        fields = resolve_references(self.read_body(request, InvoiceInput))
        return reply(
            representations.invoice(services.update_invoice(invoice=row, actor=request.principal, **fields))
        )

    @extend_schema(operation_id="delete_invoice", request=None, responses={204: None})
    def delete(self, request: ApiRequest, id: str) -> HttpResponse:
        """Delete a draft."""
        self.read_no_body(request)
        services.delete_invoice(invoice=selectors.get_invoice(id), actor=request.principal)
        return reply(None, 204)


class InvoiceAction(ApiView):
    """Base of the steps an invoice takes: POST without a body."""

    scopes = {"POST": "invoices:write"}
    step: Callable[..., Invoice]

    def take(self, request: ApiRequest, id: str) -> HttpResponse:
        """Take the step with the invoice and answer with what it has become."""
        self.read_no_body(request)
        row = type(self).step(invoice=selectors.get_invoice(id), actor=request.principal)
        return reply(representations.invoice(row))


class FinalizeInvoice(InvoiceAction):
    """`/v1/invoices/{id}/finalize`."""

    step = staticmethod(services.finalize_invoice)

    @extend_schema(operation_id="finalize_invoice", request=None, responses=InvoiceOutput)
    def post(self, request: ApiRequest, id: str) -> HttpResponse:
        """Give the draft its number and open it; from then on it does not change."""
        return self.take(request, id)


class VoidInvoice(InvoiceAction):
    """`/v1/invoices/{id}/void`."""

    step = staticmethod(services.void_invoice)

    @extend_schema(operation_id="void_invoice", request=None, responses=InvoiceOutput)
    def post(self, request: ApiRequest, id: str) -> HttpResponse:
        """Declare an open, unpaid invoice void."""
        return self.take(request, id)


class MarkInvoiceUncollectible(InvoiceAction):
    """`/v1/invoices/{id}/mark_uncollectible`."""

    step = staticmethod(services.mark_uncollectible)

    @extend_schema(operation_id="mark_invoice_uncollectible", request=None, responses=InvoiceOutput)
    def post(self, request: ApiRequest, id: str) -> HttpResponse:
        """Give an open invoice up."""
        return self.take(request, id)


class InvoicePdf(ApiView):
    """`/v1/invoices/{id}/pdf`."""

    scopes = {"GET": "invoices:read"}
    produces = "application/pdf"

    @extend_schema(
        operation_id="download_invoice_pdf", responses={(200, "application/pdf"): OpenApiTypes.BINARY}
    )
    def get(self, request: ApiRequest, id: str) -> HttpResponse:
        """Download the invoice as a PDF; a draft is marked as one."""
        # The font machinery is a sixth of the application's import time, and few processes ever draw an invoice.
        from billing.export.invoice_pdf import file_name, render_invoice

        invoice = selectors.get_invoice(id)
        response = HttpResponse(
            render_invoice(invoice, seller=current_company().name), content_type="application/pdf"
        )
        response.headers["Content-Disposition"] = f'attachment; filename="{file_name(invoice)}"'
        return response
