"""`/v1/charges` and the refunds below them."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from billing import representations, selectors, services
from billing.api.filters import ChargeFilter
from billing.api.serializers import ChargeInput, ChargeOutput, MetadataInput, RefundInput, RefundOutput
from billing.api.views.references import resolve_references
from billing.services.invoices import lock_invoice
from core.api.access import ApiRequest
from core.api.filters import CreatedRange
from core.api.permissions import require_any_scope
from core.api.views import GenericViewSet


class ChargeViewSet(GenericViewSet):
    """Payments collected with or without an invoice."""

    scopes = {
        "list": "charges:read",
        "retrieve": "charges:read",
        "create": "charges:write",
        "partial_update": "charges:write",
    }
    filterset_class = ChargeFilter

    @extend_schema(operation_id="list_charges", responses=ChargeOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List charges, newest first."""
        return self.page(selectors.list_charges(), representations.charge)

    @extend_schema(operation_id="create_charge", request=ChargeInput, responses={201: ChargeOutput})
    def create(self, request: ApiRequest) -> Response:
        """Create a charge. It is `pending` until the gateway responds: see `charge.succeeded` and `charge.failed`."""
        fields = resolve_references(ChargeInput.read(request))
        row = services.create_charge(actor=request.user, **fields)
        return Response(representations.charge(row), 201)

    @extend_schema(operation_id="retrieve_charge", responses=ChargeOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a charge."""
        return Response(representations.charge(selectors.get_charge(id)))

    @extend_schema(operation_id="update_charge", request=MetadataInput, responses=ChargeOutput)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        """Update the `metadata` of a charge: it is merged, and null removes an entry. Everything else is immutable."""
        row = selectors.get_charge(id)
        row = services.update_charge(charge=row, actor=request.user, **MetadataInput.read(request))
        return Response(representations.charge(row))

    @extend_schema(operation_id="list_charge_refunds", responses=RefundOutput(many=True))
    @action(
        detail=True, scopes={"GET": "charges:read", "POST": "charges:write"}, filterset_class=CreatedRange
    )
    def refunds(self, request: ApiRequest, id: str) -> Response:
        """List a charge's refunds, newest first."""
        return self.page(selectors.list_refunds(selectors.get_charge(id)), representations.refund)

    @extend_schema(operation_id="create_refund", request=RefundInput, responses={201: RefundOutput})
    @refunds.mapping.post
    def create_refund(self, request: ApiRequest, id: str) -> Response:
        """Refund a charge, in part or in full. The refund is `pending` until the gateway responds.

        `credit_note: true` also issues a credit note, and needs the scope `invoices:write`.
        """
        charge = selectors.get_charge(id)
        fields = RefundInput.read(request)
        if fields.get("credit_note"):
            text = "A refund with `credit_note: true` also needs the scope invoices:write."
            require_any_scope(request, ("invoices:write",), text)
        row = services.create_refund(charge=charge, actor=request.user, **fields)
        return Response(representations.refund(row), 201)

    def lock_object(self, path: Mapping[str, Any]) -> None:
        """Lock the charge's invoice first, like everything that locks both."""
        charge = selectors.get_charge(str(path["id"]))
        if charge.invoice is not None:
            lock_invoice(charge.invoice)
        super().lock_object(path)
