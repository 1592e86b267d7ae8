"""`/v1/charges` and the refunds below them."""

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema

from billing import representations, selectors, services
from billing.api.filters import ChargeFilter
from billing.api.serializers import ChargeInput, ChargeOutput, RefundInput, RefundOutput
from billing.api.views.references import resolve_references
from core.api.filters import filter_queryset
from core.api.rendering import reply
from core.api.views import ApiRequest, ApiView


class ChargeList(ApiView):
    """The company's charges."""

    scopes = {"GET": "charges:read", "POST": "charges:write"}
    filterset_class = ChargeFilter

    @extend_schema(operation_id="list_charges", responses=ChargeOutput(many=True))
    def get(self, request: ApiRequest) -> HttpResponse:
        """List charges, newest first."""
        rows = filter_queryset(request, selectors.list_charges(), ChargeFilter)
        return self.page(request, rows, representations.charge)

    @extend_schema(operation_id="create_charge", request=ChargeInput, responses={201: ChargeOutput})
    def post(self, request: ApiRequest) -> HttpResponse:
        """Accept a charge. It is `pending` until the gateway has answered: see `charge.succeeded` and `charge.failed`."""
        fields = resolve_references(self.read_body(request, ChargeInput))
        row = services.create_charge(actor=request.principal, **fields)
        return reply(representations.charge(row), 201)


class ChargeDetail(ApiView):
    """One charge."""

    scopes = {"GET": "charges:read"}

    @extend_schema(operation_id="retrieve_charge", responses=ChargeOutput)
    def get(self, request: ApiRequest, id: str) -> HttpResponse:
        """Read a charge."""
        return reply(representations.charge(selectors.get_charge(id)))


class RefundList(ApiView):
    """The refunds of a charge."""

    scopes = {"GET": "charges:read", "POST": "charges:write"}

    @extend_schema(operation_id="list_refunds", responses=RefundOutput(many=True))
    def get(self, request: ApiRequest, id: str) -> HttpResponse:
        """List a charge's refunds, newest first."""
        rows = filter_queryset(request, selectors.list_refunds(selectors.get_charge(id)))
        return self.page(request, rows, representations.refund)

    @extend_schema(operation_id="create_refund", request=RefundInput, responses={201: RefundOutput})
    def post(self, request: ApiRequest, id: str) -> HttpResponse:
        """Refund a charge, in part or all that is left. It is `pending` until the gateway has answered."""
        charge = selectors.get_charge(id)
        fields = self.read_body(request, RefundInput)
        row = services.create_refund(charge=charge, actor=request.principal, **fields)
        return reply(representations.refund(row), 201)
