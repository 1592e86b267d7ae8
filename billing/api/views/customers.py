"""`/v1/customers`."""

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema

from billing import representations, selectors, services
from billing.api.filters import CustomerFilter
from billing.api.serializers import CustomerInput, CustomerOutput
from core.api.filters import filter_queryset
from core.api.rendering import reply
from core.api.views import ApiRequest, ApiView


class CustomerList(ApiView):
    """The company's customers."""

    scopes = {"GET": "customers:read", "POST": "customers:write"}
    filterset_class = CustomerFilter

    @extend_schema(operation_id="list_customers", responses=CustomerOutput(many=True))
    def get(self, request: ApiRequest) -> HttpResponse:
        """List customers, newest first."""
        rows = filter_queryset(request, selectors.list_customers(), CustomerFilter)
        return self.page(request, rows, representations.customer)

    @extend_schema(operation_id="create_customer", request=CustomerInput, responses={201: CustomerOutput})
    def post(self, request: ApiRequest) -> HttpResponse:
        """Create a customer."""
        fields = self.read_body(request, CustomerInput)
        row = services.create_customer(actor=request.principal, **fields)
        return reply(representations.customer(row), 201)


class CustomerDetail(ApiView):
    """One customer."""

    scopes = {"GET": "customers:read", "PATCH": "customers:write", "DELETE": "customers:write"}

    @extend_schema(operation_id="retrieve_customer", responses=CustomerOutput)
    def get(self, request: ApiRequest, id: str) -> HttpResponse:
        """Read a customer."""
        return reply(representations.customer(selectors.get_customer(id)))

    @extend_schema(operation_id="update_customer", request=CustomerInput, responses=CustomerOutput)
    def patch(self, request: ApiRequest, id: str) -> HttpResponse:
        """Change the fields that are sent."""
        row = selectors.get_customer(id)
        fields = self.read_body(request, CustomerInput)
        return reply(
            representations.customer(
                services.update_customer(customer=row, actor=request.principal, **fields)
            )
        )

    @extend_schema(operation_id="delete_customer", request=None, responses={204: None})
    def delete(self, request: ApiRequest, id: str) -> HttpResponse:
        """Delete a customer; its invoices stay."""
        self.read_no_body(request)
        services.delete_customer(customer=selectors.get_customer(id), actor=request.principal)
        return reply(None, 204)
