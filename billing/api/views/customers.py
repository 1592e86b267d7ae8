"""`/v1/customers`."""

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from billing import representations, selectors, services
from billing.api.filters import CustomerFilter
from billing.api.serializers import CustomerInput, CustomerOutput
from core.api.access import ApiRequest
from core.api.serializers import NoBody
from core.api.views import GenericViewSet


class CustomerViewSet(GenericViewSet):
    """The people and companies you do business with."""

    scopes = {
        "list": "customers:read",
        "retrieve": "customers:read",
        "create": "customers:write",
        "partial_update": "customers:write",
        "destroy": "customers:write",
    }
    filterset_class = CustomerFilter
    sort_columns = selectors.CUSTOMER_SORT

    @extend_schema(operation_id="list_customers", responses=CustomerOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List customers, newest first."""
        return self.page(selectors.list_customers(), representations.customer)

    @extend_schema(operation_id="create_customer", request=CustomerInput, responses={201: CustomerOutput})
    def create(self, request: ApiRequest) -> Response:
        """Create a customer."""
        row = services.create_customer(actor=request.user, **CustomerInput.read(request))
        return Response(representations.customer(row), 201)

    @extend_schema(operation_id="retrieve_customer", responses=CustomerOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a customer."""
        return Response(representations.customer(selectors.get_customer(id)))

    @extend_schema(operation_id="update_customer", request=CustomerInput, responses=CustomerOutput)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        """Update the fields that are sent: `metadata` and `address` are merged (null removes an entry), `tax_ids` are replaced."""
        row = selectors.get_customer(id)
        row = services.update_customer(customer=row, actor=request.user, **CustomerInput.read(request))
        return Response(representations.customer(row))

    @extend_schema(operation_id="delete_customer", request=None, responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        """Delete a customer; its invoices stay."""
        NoBody.read(request)
        services.delete_customer(customer=selectors.get_customer(id), actor=request.user)
        return Response(status=204)
