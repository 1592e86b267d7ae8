"""`/v1/webhook_endpoints` and what can be done with one."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema

from core.api.filters import filter_queryset
from core.api.rendering import reply
from core.api.views import ApiRequest, ApiView
from webhooks import representations, selectors
from webhooks.api.serializers import (
    DeliveryOutput,
    EndpointInput,
    EndpointOutput,
    EndpointSecretOutput,
    PeriodInput,
    RecoveryOutput,
    RotateInput,
)
from webhooks.services.deliveries import send_test
from webhooks.services.endpoints import create_endpoint, delete_endpoint, update_endpoint
from webhooks.services.recoveries import start_recovery
from webhooks.services.secrets import rotate_secret


class EndpointList(ApiView):
    """The company's webhook endpoints in the key's mode."""

    scopes = {"GET": "webhooks:read", "POST": "webhooks:write"}

    @extend_schema(operation_id="list_webhook_endpoints", responses=EndpointOutput(many=True))
    def get(self, request: ApiRequest) -> HttpResponse:
        """List webhook endpoints, newest first."""
        rows = filter_queryset(request, selectors.list_endpoints())
        return self.page(request, rows, representations.endpoint)

    @extend_schema(
        operation_id="create_webhook_endpoint", request=EndpointInput, responses={201: EndpointSecretOutput}
    )
    def post(self, request: ApiRequest) -> HttpResponse:
        """Create a webhook endpoint. The answer holds its signing secret; keep it."""
        fields = self.read_body(request, EndpointInput)
        row, secret = create_endpoint(actor=request.principal, **fields)
        return _with_secret({**representations.endpoint(row), "secret": secret}, 201)


class EndpointDetail(ApiView):
    """One webhook endpoint."""

    scopes = {"GET": "webhooks:read", "PATCH": "webhooks:write", "DELETE": "webhooks:write"}

    @extend_schema(operation_id="retrieve_webhook_endpoint", responses=EndpointOutput)
    def get(self, request: ApiRequest, id: str) -> HttpResponse:
        """Read a webhook endpoint."""
        return reply(representations.endpoint(selectors.get_endpoint(id)))

    @extend_schema(operation_id="update_webhook_endpoint", request=EndpointInput, responses=EndpointOutput)
    def patch(self, request: ApiRequest, id: str) -> HttpResponse:
        """Change the fields that are sent; `enabled` switches the endpoint on or off."""
        row = selectors.get_endpoint(id)
        fields = self.read_body(request, EndpointInput)
        row = update_endpoint(endpoint=row, actor=request.principal, **fields)
        return reply(representations.endpoint(row))

    @extend_schema(operation_id="delete_webhook_endpoint", request=None, responses={204: None})
    def delete(self, request: ApiRequest, id: str) -> HttpResponse:
        """Delete a webhook endpoint; what still waits for it is canceled."""
        self.read_no_body(request)
        delete_endpoint(endpoint=selectors.get_endpoint(id), actor=request.principal)
        return reply(None, 204)


class RotateSecret(ApiView):
    """A new signing secret."""

    scopes = {"POST": "webhooks:write"}

    @extend_schema(
        operation_id="rotate_webhook_endpoint_secret", request=RotateInput, responses=EndpointSecretOutput
    )
    def post(self, request: ApiRequest, id: str) -> HttpResponse:
        """Make a new signing secret; for the overlap every delivery carries both signatures."""
        row = selectors.get_endpoint(id)
        fields = self.read_body(request, RotateInput)
        secret = rotate_secret(endpoint=row, actor=request.principal, **fields)
        return _with_secret({**representations.endpoint(row), "secret": secret}, 200)


class SendTest(ApiView):
    """A test event."""

    scopes = {"POST": "webhooks:write"}

    @extend_schema(operation_id="test_webhook_endpoint", request=None, responses={202: DeliveryOutput})
    def post(self, request: ApiRequest, id: str) -> HttpResponse:
        """Send a test event to this endpoint alone; read the delivery to see the answer."""
        self.read_no_body(request)
        row = send_test(endpoint=selectors.get_endpoint(id), actor=request.principal)
        return reply(representations.delivery(row, []), 202)


class Recover(ApiView):
    """Sends failed deliveries again."""

    scopes = {"POST": "webhooks:write"}

    @extend_schema(
        operation_id="recover_webhook_endpoint", request=PeriodInput, responses={202: RecoveryOutput}
    )
    def post(self, request: ApiRequest, id: str) -> HttpResponse:
        """Send every delivery of the period again that failed for good."""
        return _start(self, request, id, "recover")


class ReplayMissing(ApiView):
    """Sends events the endpoint never got."""

    scopes = {"POST": "webhooks:write"}

    @extend_schema(
        operation_id="replay_missing_webhook_events", request=PeriodInput, responses={202: RecoveryOutput}
    )
    def post(self, request: ApiRequest, id: str) -> HttpResponse:
        """Send the events of the period that match the endpoint and have no delivery to it."""
        return _start(self, request, id, "replay_missing")


class RecoveryList(ApiView):
    """The endpoint's recovery jobs."""

    scopes = {"GET": "webhooks:read"}

    @extend_schema(operation_id="list_webhook_recoveries", responses=RecoveryOutput(many=True))
    def get(self, request: ApiRequest, id: str) -> HttpResponse:
        """List recovery jobs and how far each is, newest first."""
        rows = filter_queryset(request, selectors.list_recoveries(selectors.get_endpoint(id)))
        return self.page(request, rows, representations.recovery)


def _start(view: ApiView, request: ApiRequest, id: str, kind: str) -> HttpResponse:
    row = selectors.get_endpoint(id)
    fields = view.read_body(request, PeriodInput)
    job = start_recovery(endpoint=row, actor=request.principal, kind=kind, **fields)
    return reply(representations.recovery(job), 202)


def _with_secret(data: dict[str, object], status: int) -> HttpResponse:
    response = reply(data, status)
    response.headers["Cache-Control"] = "no-store"
    return response
