"""`/v1/payments`: payments for invoices, received outside the gateway. They are recorded below their invoice."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from billing import representations, selectors, services
from billing.api.filters import PaymentFilter
from billing.api.serializers import MetadataInput, PaymentOutput, UndoInput
from billing.services.invoices import lock_invoice
from core.api.access import ApiRequest
from core.api.views import GenericViewSet


class PaymentViewSet(GenericViewSet):
    """Payments such as transfers and cash, as recorded by the company."""

    scopes = {"list": "invoices:read", "retrieve": "invoices:read", "partial_update": "invoices:write"}
    filterset_class = PaymentFilter

    @extend_schema(operation_id="list_payments", responses=PaymentOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List payments received outside the gateway, newest first, including undone ones."""
        return self.page(selectors.list_payments(), representations.payment)

    @extend_schema(operation_id="retrieve_payment", responses=PaymentOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a payment."""
        return Response(representations.payment(selectors.get_payment(id)))

    @extend_schema(operation_id="update_payment", request=MetadataInput, responses=PaymentOutput)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        """Update the `metadata` of a payment: it is merged, and null removes an entry. To change anything else, undo the payment."""
        row = selectors.get_payment(id)
        row = services.update_payment(payment=row, actor=request.user, **MetadataInput.read(request))
        return Response(representations.payment(row))

    @extend_schema(operation_id="undo_payment", request=UndoInput, responses=PaymentOutput)
    @action(detail=True, methods=["post"], scopes="invoices:write")
    def undo(self, request: ApiRequest, id: str) -> Response:
        """Undo a payment that was recorded by mistake; an invoice it had paid is reopened."""
        row = selectors.get_payment(id)
        row = services.undo_payment(payment=row, actor=request.user, **UndoInput.read(request))
        return Response(representations.payment(row))

    def lock_object(self, path: Mapping[str, Any]) -> None:
        """Lock the invoice first, like everything that locks both."""
        lock_invoice(selectors.get_payment(str(path["id"])).invoice)
        super().lock_object(path)
