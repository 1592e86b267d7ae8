"""`/v1/refunds`. Refunds are created below their charge (billing/api/views/charges.py)."""

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from billing import representations, selectors, services
from billing.api.filters import RefundFilter
from billing.api.serializers import MetadataInput, RefundOutput
from core.api.access import ApiRequest
from core.api.views import GenericViewSet


class RefundViewSet(GenericViewSet):
    """Money returned from charges."""

    scopes = {"list": "charges:read", "retrieve": "charges:read", "partial_update": "charges:write"}
    filterset_class = RefundFilter

    @extend_schema(operation_id="list_refunds", responses=RefundOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List refunds of every charge, newest first."""
        return self.page(selectors.list_refunds(), representations.refund)

    @extend_schema(operation_id="retrieve_refund", responses=RefundOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a refund."""
        return Response(representations.refund(selectors.get_refund(id)))

    @extend_schema(operation_id="update_refund", request=MetadataInput, responses=RefundOutput)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        """Update the `metadata` of a refund: it is merged, and null removes an entry. Everything else is immutable."""
        row = selectors.get_refund(id)
        row = services.update_refund(refund=row, actor=request.user, **MetadataInput.read(request))
        return Response(representations.refund(row))
