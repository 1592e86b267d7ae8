"""`/v1/credit_notes`."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from billing import representations, selectors, services
from billing.api.filters import CreditNoteFilter
from billing.api.serializers import CreditNoteInput, CreditNoteOutput, MetadataInput, VoidInput
from billing.api.views.references import resolve_references
from billing.export.documents import credit_note_document
from billing.services.invoices import lock_invoice
from core.api.access import ApiRequest
from core.api.filters import expands
from core.api.rendering import PdfRenderer
from core.api.views import GenericViewSet


class CreditNoteViewSet(GenericViewSet):
    """Credits of issued invoices."""

    scopes = {
        "list": "invoices:read",
        "retrieve": "invoices:read",
        "create": "invoices:write",
        "partial_update": "invoices:write",
    }
    filterset_class = CreditNoteFilter

    @extend_schema(operation_id="list_credit_notes", responses=CreditNoteOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List credit notes, newest first."""
        with_lines = expands(request.query_params, "lines")
        represent = partial(representations.credit_note, with_lines=with_lines)
        return self.page(selectors.list_credit_notes(with_lines=with_lines), represent)

    @extend_schema(
        operation_id="create_credit_note", request=CreditNoteInput, responses={201: CreditNoteOutput}
    )
    def create(self, request: ApiRequest) -> Response:
        """Credit part of an open or paid invoice, or everything that is left of it, under a number of its own.

        The amount due is reduced first; what had already been paid (`post_payment_amount`) has to be returned separately.
        """
        fields = resolve_references(CreditNoteInput.read(request))
        row = services.create_credit_note(actor=request.user, **fields)
        return Response(representations.credit_note(row), 201)

    @extend_schema(operation_id="retrieve_credit_note", responses=CreditNoteOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a credit note."""
        return Response(representations.credit_note(selectors.get_credit_note(id)))

    @extend_schema(operation_id="update_credit_note", request=MetadataInput, responses=CreditNoteOutput)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        """Update the `metadata` of a credit note: it is merged, and null removes an entry. Everything else is immutable."""
        row = selectors.get_credit_note(id)
        row = services.update_credit_note(credit_note=row, actor=request.user, **MetadataInput.read(request))
        return Response(representations.credit_note(row))

    @extend_schema(operation_id="void_credit_note", request=VoidInput, responses=CreditNoteOutput)
    @action(detail=True, methods=["post"], scopes="invoices:write")
    def void(self, request: ApiRequest, id: str) -> Response:
        """Void a credit note: it keeps its number, and the invoice is due as before."""
        row = selectors.get_credit_note(id)
        row = services.void_credit_note(credit_note=row, actor=request.user, **VoidInput.read(request))
        return Response(representations.credit_note(row))

    @extend_schema(
        operation_id="download_credit_note_pdf", responses={(200, "application/pdf"): OpenApiTypes.BINARY}
    )
    @action(
        detail=True,
        scopes="invoices:read",
        renderer_classes=[PdfRenderer],
        filterset_class=None,
        needs_database=False,  # like that of an invoice
    )
    def pdf(self, request: ApiRequest, id: str) -> Response:
        """Download the credit note as a PDF."""
        document = credit_note_document(request.auth.tenant, id)
        return Response(
            document.content, headers={"Content-Disposition": f'attachment; filename="{document.name}"'}
        )

    def lock_object(self, path: Mapping[str, Any]) -> None:
        """Lock the invoice first, like everything that locks both."""
        lock_invoice(selectors.get_credit_note(str(path["id"])).invoice)
        super().lock_object(path)
