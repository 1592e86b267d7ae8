"""`/v1/webhook_endpoints` and what can be done with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from core.api.access import ApiRequest
from core.api.filters import CreatedRange
from core.api.serializers import NoBody
from core.api.views import GenericViewSet
from core.tenancy import require_tenant
from webhooks import representations, selectors
from webhooks.api.serializers import (
    DeliveryOutput,
    EndpointTestInput,
    RecoveryPeriodInput,
    RotateSecretInput,
    WebhookEndpointInput,
    WebhookEndpointOutput,
    WebhookEndpointSecretOutput,
    WebhookRecoveryOutput,
)
from webhooks.catalogue import CATALOGUE, TEST_EVENT
from webhooks.relay import number_committed_events
from webhooks.samples import sample_object
from webhooks.services.deliveries import send_test
from webhooks.services.endpoints import create_endpoint, delete_endpoint, update_endpoint
from webhooks.services.recoveries import start_recovery
from webhooks.services.secrets import rotate_secret


class EndpointViewSet(GenericViewSet):
    """The company's webhook endpoints in the key's mode."""

    scopes = {
        "list": "webhooks:read",
        "retrieve": "webhooks:read",
        "create": "webhooks:write",
        "partial_update": "webhooks:write",
        "destroy": "webhooks:write",
    }
    filterset_class = CreatedRange

    def lock_object(self, path: Mapping[str, Any]) -> None:
        """Lock an endpoint, after what its service locks before it: the relay takes both in this order."""
        number_committed_events()
        super().lock_object(path)

    @extend_schema(operation_id="list_webhook_endpoints", responses=WebhookEndpointOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List webhook endpoints, newest first."""
        return self.page(selectors.list_endpoints(), representations.endpoint)

    @extend_schema(
        operation_id="create_webhook_endpoint",
        request=WebhookEndpointInput,
        responses={201: WebhookEndpointSecretOutput},
    )
    def create(self, request: ApiRequest) -> Response:
        """Create a webhook endpoint. The answer holds its signing secret; keep it."""
        fields = WebhookEndpointInput.read(request)
        if request.api_version is not None:
            fields.setdefault("api_version", request.api_version.date)
        row, secret = create_endpoint(actor=request.user, **fields)
        return _with_secret({**representations.endpoint(row), "secret": secret}, 201)

    @extend_schema(operation_id="retrieve_webhook_endpoint", responses=WebhookEndpointOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a webhook endpoint."""
        return Response(representations.endpoint(selectors.get_endpoint(id)))

    @extend_schema(
        operation_id="update_webhook_endpoint", request=WebhookEndpointInput, responses=WebhookEndpointOutput
    )
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        """Change the fields that are sent; `enabled` switches the endpoint on or off."""
        row = selectors.get_endpoint(id)
        row = update_endpoint(endpoint=row, actor=request.user, **WebhookEndpointInput.read(request))
        return Response(representations.endpoint(row))

    @extend_schema(operation_id="delete_webhook_endpoint", request=None, responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        """Delete a webhook endpoint; what still waits for it is canceled."""
        NoBody.read(request)
        delete_endpoint(endpoint=selectors.get_endpoint(id), actor=request.user)
        return Response(status=204)

    @extend_schema(
        operation_id="rotate_webhook_endpoint_secret",
        request=RotateSecretInput,
        responses=WebhookEndpointSecretOutput,
    )
    @action(detail=True, methods=["post"], scopes="webhooks:write")
    def rotate_secret(self, request: ApiRequest, id: str) -> Response:
        """Make a new signing secret; for the overlap every delivery carries both signatures."""
        row = selectors.get_endpoint(id)
        secret = rotate_secret(endpoint=row, actor=request.user, **RotateSecretInput.read(request))
        return _with_secret({**representations.endpoint(row), "secret": secret}, 200)

    @extend_schema(
        operation_id="test_webhook_endpoint", request=EndpointTestInput, responses={202: DeliveryOutput}
    )
    @action(detail=True, methods=["post"], scopes="webhooks:write")
    def test(self, request: ApiRequest, id: str) -> Response:
        """Send a test event to this endpoint alone; read the delivery to see the answer."""
        kind = EndpointTestInput.read(request).get("event", TEST_EVENT)
        row = send_test(
            endpoint=selectors.get_endpoint(id),
            actor=request.user,
            event_type=kind,
            sample=sample_object(kind, mode=require_tenant().mode) if kind in CATALOGUE else None,
        )
        return Response(representations.delivery(row, []), 202)

    @extend_schema(
        operation_id="recover_webhook_endpoint",
        request=RecoveryPeriodInput,
        responses={202: WebhookRecoveryOutput},
    )
    @action(detail=True, methods=["post"], scopes="webhooks:write")
    def recover(self, request: ApiRequest, id: str) -> Response:
        """Send every delivery of the period again that failed for good."""
        return _start("recover", request, id)

    @extend_schema(
        operation_id="replay_missing_webhook_events",
        request=RecoveryPeriodInput,
        responses={202: WebhookRecoveryOutput},
    )
    @action(detail=True, methods=["post"], scopes="webhooks:write")
    def replay_missing(self, request: ApiRequest, id: str) -> Response:
        """Send the events of the period that match the endpoint and have no delivery to it."""
        return _start("replay_missing", request, id)

    @extend_schema(operation_id="list_webhook_recoveries", responses=WebhookRecoveryOutput(many=True))
    @action(detail=True, scopes="webhooks:read")
    def recoveries(self, request: ApiRequest, id: str) -> Response:
        """List recovery jobs and how far each is, newest first."""
        return self.page(selectors.list_recoveries(selectors.get_endpoint(id)), representations.recovery)


def _start(kind: str, request: ApiRequest, id: str) -> Response:
    row = selectors.get_endpoint(id)
    job = start_recovery(endpoint=row, actor=request.user, kind=kind, **RecoveryPeriodInput.read(request))
    return Response(representations.recovery(job), 202)


def _with_secret(data: dict[str, object], status: int) -> Response:
    response = Response(data, status, headers={"Cache-Control": "no-store"})
    response.shown_once = ("secret",)  # type: ignore[attr-defined]
    return response
