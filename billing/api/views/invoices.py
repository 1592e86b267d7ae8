"""`/v1/invoices`."""

from collections.abc import Callable
from functools import partial

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from billing import representations, selectors, services
from billing.api.filters import InvoiceFilter
from billing.api.serializers import InvoiceInput, InvoiceOutput, PaymentInput, PaymentOutput
from billing.api.views.references import resolve_references
from billing.export.documents import invoice_document
from billing.models import Invoice
from core.api.access import ApiRequest
from core.api.filters import expands
from core.api.rendering import PdfRenderer
from core.api.serializers import NoBody
from core.api.views import GenericViewSet


class InvoiceViewSet(GenericViewSet):
    """Invoices, from draft to paid."""

    scopes = {
        "list": "invoices:read",
        "retrieve": "invoices:read",
        "create": "invoices:write",
        "partial_update": "invoices:write",
        "destroy": "invoices:write",
    }
    filterset_class = InvoiceFilter
    sort_columns = selectors.INVOICE_SORT

    @extend_schema(operation_id="list_invoices", responses=InvoiceOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List invoices, newest first."""
        with_lines = expands(request.query_params, "lines")
        represent = partial(representations.invoice, with_lines=with_lines)
        return self.page(selectors.list_invoices(with_lines=with_lines), represent)

    @extend_schema(operation_id="create_invoice", request=InvoiceInput, responses={201: InvoiceOutput})
    def create(self, request: ApiRequest) -> Response:
        """Create a draft invoice."""
        fields = resolve_references(InvoiceInput.read(request))
        row = services.create_invoice(actor=request.user, **fields)
        return Response(representations.invoice(row), 201)

    @extend_schema(operation_id="retrieve_invoice", responses=InvoiceOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read an invoice."""
        return Response(representations.invoice(selectors.get_invoice(id)))

    @extend_schema(operation_id="update_invoice", request=InvoiceInput, responses=InvoiceOutput)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        """Update a draft: `lines` are replaced as a whole, `metadata` is merged. On a finalized invoice, only `metadata` can be updated."""
        row = selectors.get_invoice(id)
        fields = resolve_references(InvoiceInput.read(request))
        row = services.update_invoice(invoice=row, actor=request.user, **fields)
        return Response(representations.invoice(row))

    @extend_schema(operation_id="delete_invoice", request=None, responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        """Delete a draft."""
        NoBody.read(request)
        services.delete_invoice(invoice=selectors.get_invoice(id), actor=request.user)
        return Response(status=204)

    # --- state transitions ------------------------------------------------------------------------------------------

    @extend_schema(operation_id="finalize_invoice", request=None, responses=InvoiceOutput)
    @action(detail=True, methods=["post"], scopes="invoices:write")
    def finalize(self, request: ApiRequest, id: str) -> Response:
        """Assign a number to the draft and open it; it can no longer be changed after that."""
        return _take(services.finalize_invoice, request, id)

    @extend_schema(operation_id="void_invoice", request=None, responses=InvoiceOutput)
    @action(detail=True, methods=["post"], scopes="invoices:write")
    def void(self, request: ApiRequest, id: str) -> Response:
        """Void an open, unpaid invoice."""
        return _take(services.void_invoice, request, id)

    @extend_schema(operation_id="mark_invoice_uncollectible", request=None, responses=InvoiceOutput)
    @action(detail=True, methods=["post"], scopes="invoices:write")
    def mark_uncollectible(self, request: ApiRequest, id: str) -> Response:
        """Mark an open invoice uncollectible."""
        return _take(services.mark_uncollectible, request, id)

    @extend_schema(operation_id="record_payment", request=PaymentInput, responses={201: PaymentOutput})
    @action(detail=True, methods=["post"], scopes="invoices:write", filterset_class=None)
    def payments(self, request: ApiRequest, id: str) -> Response:
        """Record a payment received outside the gateway, in full or in part; the invoice is paid once nothing is due."""
        row = services.record_payment(
            invoice=selectors.get_invoice(id), actor=request.user, **PaymentInput.read(request)
        )
        return Response(representations.payment(row), 201)

    @extend_schema(
        operation_id="download_invoice_pdf", responses={(200, "application/pdf"): OpenApiTypes.BINARY}
    )
    @action(
        detail=True,
        scopes="invoices:read",
        renderer_classes=[PdfRenderer],
        filterset_class=None,
        needs_database=False,  # no transaction around it: it takes several seconds, and opens its own for reading
    )
    def pdf(self, request: ApiRequest, id: str) -> Response:
        """Download the invoice as a PDF; a draft is marked as such."""
        document = invoice_document(request.auth.tenant, id)
        return Response(
            document.content,
            headers={"Content-Disposition": f'attachment; filename="{document.name}"'},
        )


def _take(step: Callable[..., Invoice], request: ApiRequest, id: str) -> Response:
    """Apply a state transition and return the resulting invoice."""
    NoBody.read(request)
    row = step(invoice=selectors.get_invoice(id), actor=request.user)
    return Response(representations.invoice(row))
