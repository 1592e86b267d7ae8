"""The peer's views: a bare view, and a typical guarded view, create and list."""

from rest_framework import generics, serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView
from rest_framework_api_key.permissions import HasAPIKey

from tests.benchmarks.peer.models import PeerCustomer

WHOAMI = {
    "object": "whoami",
    "key": {"client_id": "key_01m7znvjkse8rs7sxdmpen2yp9", "name": "benchmark", "expires": None},
    "company": {"id": "co_01m7znvjkse8rs7sxdmpen2yp9", "name": "Benchmark", "tier": "enterprise"},
    "mode": "live",
    "scopes": ["customers:read", "customers:write"],
    "limits": {"key": 100000, "company": 100000, "messages": 200},
}


class KeyThrottle(SimpleRateThrottle):
    """Requests per key, as DRF counts them."""

    rate = "1000/min"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Count by API key."""
        return self.cache_format % {"scope": "key", "ident": request.META["HTTP_AUTHORIZATION"]}


class Bare(APIView):
    """Nothing but DRF."""

    def get(self, request: Request) -> Response:
        """Return the body of whoami."""
        return Response(WHOAMI)


class Guarded(APIView):
    """A typical guard: drf-api-key and SimpleRateThrottle."""

    permission_classes = [HasAPIKey]
    throttle_classes = [KeyThrottle]

    def get(self, request: Request) -> Response:
        """Return the body of whoami."""
        return Response(WHOAMI)


class PeerCustomerSerializer(serializers.ModelSerializer):
    """All columns."""

    class Meta:
        model = PeerCustomer
        fields = "__all__"


class CustomerPages(PageNumberPagination):
    """Twenty per page by default."""

    page_size = 20
    page_size_query_param = "limit"


class Customers(generics.ListAPIView):
    """An unguarded list."""

    queryset = PeerCustomer.objects.all()  # type: ignore[attr-defined]
    serializer_class = PeerCustomerSerializer
    pagination_class = CustomerPages


class CreateCustomer(generics.CreateAPIView):
    """A create with drf-api-key, without idempotency."""

    permission_classes = [HasAPIKey]
    throttle_classes = [KeyThrottle]
    queryset = PeerCustomer.objects.all()  # type: ignore[attr-defined]
    serializer_class = PeerCustomerSerializer
