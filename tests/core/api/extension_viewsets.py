"""ViewSets and functions written as in DRF's documentation (`tests.core.api.extension_urls`)."""

from typing import Any

from rest_framework import permissions, serializers, viewsets
from rest_framework.decorators import (
    action,
    api_view,
    authentication_classes,
    permission_classes,
    throttle_classes,
)
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.response import Response

from billing import selectors
from billing.api.filters import CustomerFilter
from billing.models import Customer
from core.api.filters import FilterBackend
from core.api.permissions import HasScope, scopes
from core.api.throttles import CompanyThrottle
from core.api.views import GenericViewSet, ModelViewSet, ViewSet
from core.models import IdempotencyRecord
from tests.core.api.extension_views import NamedAda, described
from tests.core.api.extension_ways_in import RobotAuthentication


class Things(ViewSet):
    scopes = {"list": "customers:read", "create": "customers:write"}

    def list(self, request: Any) -> Response:
        return Response({"action": self.action, **described(request)})

    def create(self, request: Any) -> Response:
        return Response({"action": self.action}, 201)

    @action(
        detail=True,
        methods=["get", "post"],
        scopes={"GET": "events:read", "POST": ("charges:write", "audit:read")},
    )
    def parts(self, request: Any, id: str) -> Response:
        return Response({"action": self.action, "id": id})

    @action(
        detail=False,
        scopes="events:read",
        throttle_classes=[CompanyThrottle],
        permission_classes=[HasScope, NamedAda],
    )
    def ada(self, request: Any) -> Response:
        return Response({"action": self.action})


class Rows(GenericViewSet):
    scopes = {"list": "customers:read"}

    def list(self, request: Any) -> Response:
        return self.page(selectors.list_customers(), lambda row: {"name": row.name})


class CustomerFields(serializers.ModelSerializer):
    """A serializer as DRF's tutorial writes it."""

    id = serializers.CharField(source="public_id", read_only=True)

    class Meta:
        model = Customer
        fields = ["id", "name", "email"]


class Ordinary(ModelViewSet):
    """A ModelViewSet as DRF's tutorial writes it."""

    queryset = Customer.objects.all()
    serializer_class = CustomerFields
    scopes = {
        "list": "customers:read",
        "retrieve": "customers:read",
        "create": "customers:write",
        "update": "customers:write",
        "partial_update": "customers:write",
        "destroy": "customers:write",
    }


class Searched(Ordinary):
    """One with DRF's own filters beside ours."""

    filter_backends = [FilterBackend, SearchFilter, OrderingFilter]
    filterset_class = CustomerFilter
    search_fields = ["name", "=email"]
    ordering_fields = ["name", "email", "external_id"]


class Silent(viewsets.ModelViewSet):
    """DRF's own, which publishes nothing."""

    queryset = Customer.objects.all()
    serializer_class = CustomerFields
    scopes = Ordinary.scopes


class Undeclared(ModelViewSet):
    """One of a table that nobody has declared events of."""

    queryset = IdempotencyRecord.objects.all()
    scopes = Ordinary.scopes


@scopes("customers:read", "audit:read")
@api_view(["GET"])
def function(request: Any) -> Response:
    """A view that is a function."""
    return Response(described(request))


@scopes()
@api_view(["GET", "POST"])
@permission_classes([HasScope, NamedAda])
@throttle_classes([CompanyThrottle])
def decorated(request: Any) -> Response:
    """One with every decorator."""
    return Response({"name": request.user.name})


@api_view(["GET"])
def scopeless(request: Any) -> Response:
    """One whose author forgot the scope."""
    return Response({})


@api_view(["GET"])
@authentication_classes([RobotAuthentication])
@permission_classes([permissions.IsAuthenticated])
@throttle_classes([])
def robots(request: Any) -> Response:
    """One that knows no keys."""
    return Response({"user": request.user.id})
