"""Senders of live messages under /v1: domains for email, numbers and names for SMS."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from core.api.access import ApiRequest
from core.api.serializers import NoBody
from core.api.views import GenericViewSet
from messaging import representations, services
from messaging.api.filters import SenderDomainFilter, SmsSenderFilter
from messaging.api.sender_serializers import (
    SenderDomainInput,
    SenderDomainOutput,
    SmsSenderInput,
    SmsSenderOutput,
)
from messaging.models import SenderDomain
from messaging.selectors import senders as selectors
from messaging.verification import records_of


class SenderDomainViewSet(GenericViewSet):
    """`/v1/sender_domains`."""

    scopes = {
        "list": "sender_domains:read",
        "retrieve": "sender_domains:read",
        "create": "sender_domains:write",
        "destroy": "sender_domains:write",
    }
    filterset_class = SenderDomainFilter
    sort_columns = selectors.SENDER_DOMAIN_SORT
    _keys: Sequence[tuple[str, str]] = ()

    def before_transaction(self, request: ApiRequest) -> None:
        """Generate keys before the transaction, because that takes tenths of a second."""
        if self.action == "rotate_key":
            self._keys = services.prepare_key(tenant=request.auth.tenant, public_id=self.kwargs["id"])
        body = request.data if self.action == "create" else None
        if isinstance(body, dict) and isinstance(domain := body.get("domain"), str):
            self._keys = services.prepare_keys(tenant=request.auth.tenant, domain=domain)

    @extend_schema(operation_id="list_sender_domains", responses=SenderDomainOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List domains, newest first, with their DNS records."""
        return self.page(selectors.list_domains(), _represent)

    @extend_schema(
        operation_id="create_sender_domain", request=SenderDomainInput, responses={201: SenderDomainOutput}
    )
    def create(self, request: ApiRequest) -> Response:
        """Add a domain. The response contains the DNS records to set; they are checked soon, and then at increasing intervals."""
        row = services.add_domain(actor=request.user, keys=self._keys, **SenderDomainInput.read(request))
        return Response(_represent(row), 201)

    @extend_schema(operation_id="retrieve_sender_domain", responses=SenderDomainOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a domain and the result of its last DNS check."""
        return Response(_represent(selectors.get_domain(id)))

    @extend_schema(operation_id="verify_sender_domain", request=None, responses={202: SenderDomainOutput})
    @action(detail=True, methods=["post"], scopes="sender_domains:write")
    def verify(self, request: ApiRequest, id: str) -> Response:
        """Request a check of the DNS records. It runs after the response: watch `checked_at`, or the event `sender_domain.verified`."""
        NoBody.read(request)
        return Response(_represent(services.request_check(domain=selectors.get_domain(id))), 202)

    @extend_schema(operation_id="rotate_sender_domain_key", request=None, responses=SenderDomainOutput)
    @action(detail=True, methods=["post"], scopes="sender_domains:write")
    def rotate_key(self, request: ApiRequest, id: str) -> Response:
        """Make the second DKIM key the signing key and replace the first one with a new key: set its record next.

        Keep the record of the first key for a few days, because mail in transit is still verified with it.
        """
        NoBody.read(request)
        row = services.rotate_key(domain=selectors.get_domain(id), actor=request.user, keys=self._keys)
        return Response(_represent(row))

    @extend_schema(operation_id="delete_sender_domain", request=None, responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        """Remove a domain. Messages from it that are still queued fail with `sender_not_verified`."""
        NoBody.read(request)
        services.delete_domain(domain=selectors.get_domain(id), actor=request.user)
        return Response(status=204)


class SmsSenderViewSet(GenericViewSet):
    """`/v1/sms_senders`."""

    scopes = {
        "list": "sms_senders:read",
        "retrieve": "sms_senders:read",
        "create": "sms_senders:write",
        "destroy": "sms_senders:write",
    }
    filterset_class = SmsSenderFilter
    sort_columns = selectors.SMS_SENDER_SORT

    @extend_schema(operation_id="list_sms_senders", responses=SmsSenderOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List the requested numbers and names, newest first, with the decision of staff."""
        return self.page(selectors.list_sms_senders(), representations.sms_sender)

    @extend_schema(operation_id="create_sms_sender", request=SmsSenderInput, responses={201: SmsSenderOutput})
    def create(self, request: ApiRequest) -> Response:
        """Request a number or name. It is `pending` until staff approve it."""
        row = services.claim_sms_sender(actor=request.user, **SmsSenderInput.read(request))
        return Response(representations.sms_sender(row), 201)

    @extend_schema(operation_id="retrieve_sms_sender", responses=SmsSenderOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a number or name and its status."""
        return Response(representations.sms_sender(selectors.get_sms_sender(id)))

    @extend_schema(operation_id="delete_sms_sender", request=None, responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        """Remove a number or name. SMS from it that are still queued fail with `sender_not_verified`."""
        NoBody.read(request)
        services.delete_sms_sender(sender=selectors.get_sms_sender(id), actor=request.user)
        return Response(status=204)


def _represent(row: SenderDomain) -> dict[str, Any]:
    return representations.sender_domain(row, records_of(row, row.keys.all()))
