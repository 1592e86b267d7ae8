"""`/v1/seller`."""

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from billing import representations, selectors, services
from billing.api.serializers import SellerInput, SellerOutput
from core.api.access import ApiRequest
from core.api.filters import known_parameters
from core.api.views import APIView


class SellerView(APIView):
    """The company's details on its invoices; one set for each mode, blank until filled in."""

    scopes = {"GET": "seller:read", "PATCH": "seller:write"}

    @extend_schema(operation_id="retrieve_seller", responses=SellerOutput)
    def get(self, request: ApiRequest) -> Response:
        """Read the company's details on invoices."""
        known_parameters(request.query_params, frozenset())
        return Response(representations.seller(selectors.current_seller()))

    @extend_schema(operation_id="update_seller", request=SellerInput, responses=SellerOutput)
    def patch(self, request: ApiRequest) -> Response:
        """Update the fields that are sent: `address` and `bank_details` are merged (null removes a part), `tax_ids` are replaced.

        Invoices already issued do not change.
        """
        row = services.update_seller(actor=request.user, **SellerInput.read(request))
        return Response(representations.seller(row))
