"""`/v1/deliveries`: what was sent, and once more."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema

from core.api.filters import filter_queryset
from core.api.pagination import paginate
from core.api.rendering import reply
from core.api.views import ApiRequest, ApiView
from webhooks import representations, selectors
from webhooks.api.filters import DeliveryFilter
from webhooks.api.serializers import DeliveryOutput
from webhooks.services.deliveries import resend_deliveries


class DeliveryList(ApiView):
    """Deliveries to all endpoints of the key's mode."""

    scopes = {"GET": "webhooks:read"}
    filterset_class = DeliveryFilter

    @extend_schema(operation_id="list_deliveries", responses=DeliveryOutput(many=True))
    def get(self, request: ApiRequest) -> HttpResponse:
        """List deliveries with their attempts, newest first."""
        page = paginate(filter_queryset(request, selectors.list_deliveries(), DeliveryFilter), request)
        tries = selectors.tries_of(page.items)
        return reply(page.render(lambda row: representations.delivery(row, tries[row.id])))


class DeliveryDetail(ApiView):
    """One delivery."""

    scopes = {"GET": "webhooks:read"}

    @extend_schema(operation_id="retrieve_delivery", responses=DeliveryOutput)
    def get(self, request: ApiRequest, id: str) -> HttpResponse:
        """Read a delivery and its attempts."""
        row = selectors.get_delivery(id)
        return reply(representations.delivery(row, selectors.tries_of([row])[row.id]))


class Resend(ApiView):
    """Once more."""

    scopes = {"POST": "webhooks:write"}

    @extend_schema(operation_id="resend_delivery", request=None, responses={202: DeliveryOutput})
    def post(self, request: ApiRequest, id: str) -> HttpResponse:
        """Send a delivery again, now, with a whole new series of attempts."""
        self.read_no_body(request)
        [row] = resend_deliveries(deliveries=[selectors.get_delivery(id)], actor=request.principal)
        return reply(representations.delivery(row, selectors.tries_of([row])[row.id]), 202)
