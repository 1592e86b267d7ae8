"""Third-party authenticators, and views that use them (`tests.core.api.extension_urls`)."""

from typing import Any

from django.core.exceptions import PermissionDenied
from rest_framework import exceptions, permissions
from rest_framework import views as drf_views
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.response import Response

from apikeys.authentication import ApiKeyAuthentication
from core.api.permissions import HasScope
from core.api.views import APIView
from tests.core.api.extension_views import SEEN, Described


class Robot:
    """Somebody else's user."""

    id = pk = name = "robot"
    is_authenticated = True


class RobotAuthentication(BaseAuthentication):
    """Somebody else's way in."""

    def authenticate(self, request: Any) -> Any:
        sent = request.headers.get("X-Robot")
        if sent is None:
            return None
        if sent != "hello":
            raise exceptions.AuthenticationFailed("No such robot.")
        return Robot(), "token"

    def authenticate_header(self, request: Any) -> str:
        return "Robot"


class KeyOrRobot(APIView):
    scopes = "customers:read"
    needs_database = False
    permission_classes = [HasScope | permissions.IsAuthenticated]
    throttle_classes = []

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [RobotAuthentication(), *super().get_authenticators()]

    def get(self, request: Any) -> Response:
        return Response({"user": request.user.id, "by": type(request.successful_authenticator).__name__})


class Breaking(BaseAuthentication):
    """One that raises what DRF does not expect."""

    def authenticate(self, request: Any) -> Any:
        SEEN.append("asked")
        if request.headers.get("X-Robot") == "banned":
            raise PermissionDenied("Robots are banned.")
        raise RuntimeError("The robots' server is away.")


class Broken(Described):
    authentication_classes = [Breaking, ApiKeyAuthentication]


class BrokenOwnFormats(Broken):
    content_negotiation_class = DefaultContentNegotiation


class BrokenGuest(drf_views.APIView):
    """A view of another package."""

    scopes = "customers:read"
    authentication_classes = [Breaking, ApiKeyAuthentication]

    def get(self, request: Any) -> Response:
        return Response({})
