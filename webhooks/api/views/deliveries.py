"""`/v1/deliveries`: what was sent, and once more."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from core.api.access import ApiRequest
from core.api.serializers import NoBody
from core.api.views import GenericViewSet
from webhooks import representations, selectors
from webhooks.api.filters import DeliveryFilter
from webhooks.api.serializers import DeliveryOutput
from webhooks.services.deliveries import resend_deliveries


class DeliveryViewSet(GenericViewSet):
    """Deliveries to all endpoints of the key's mode."""

    scopes = {"list": "webhooks:read", "retrieve": "webhooks:read"}
    filterset_class = DeliveryFilter

    @extend_schema(operation_id="list_deliveries", responses=DeliveryOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List deliveries with their attempts, newest first. Those of events whose objects the key may not read are left out."""
        rows = self.paginate_queryset(self.filter_queryset(selectors.list_deliveries(request.user))) or []
        attempts = selectors.attempts_of(rows)
        return self.get_paginated_response([representations.delivery(row, attempts[row.id]) for row in rows])

    @extend_schema(operation_id="retrieve_delivery", responses=DeliveryOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a delivery and its attempts."""
        row = selectors.get_delivery(id, request.user)
        return Response(representations.delivery(row, selectors.attempts_of([row])[row.id]))

    @extend_schema(operation_id="resend_delivery", request=None, responses={202: DeliveryOutput})
    @action(detail=True, methods=["post"], scopes="webhooks:write")
    def resend(self, request: ApiRequest, id: str) -> Response:
        """Send a delivery again, now, with a whole new series of attempts."""
        NoBody.read(request)
        [row] = resend_deliveries(deliveries=[selectors.get_delivery(id, request.user)], actor=request.user)
        return Response(representations.delivery(row, selectors.attempts_of([row])[row.id]), 202)
