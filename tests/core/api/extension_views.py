"""Views written as in DRF's documentation, mounted by `tests.core.api.extension_urls`."""

from typing import Any

from django.http import StreamingHttpResponse
from rest_framework import exceptions, permissions, throttling, versioning
from rest_framework import views as drf_views
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from billing import selectors, services
from core.api.permissions import HasScope
from core.api.rendering import JSONParser, JSONRenderer
from core.api.scopes import ANY_KEY
from core.api.throttles import CompanyThrottle, KeyThrottle, TierThrottle
from core.api.views import APIView, GenericAPIView

# What the views have done, for the tests to read.
SEEN: list[Any] = []


def described(request: Any) -> dict[str, Any]:
    """What DRF's request says of its caller."""
    return {
        "user": request.user.id,
        "pk": request.user.pk,
        "mode": request.auth.tenant.mode,
        "scopes": sorted(request.auth.scopes),
    }


# --- Permissions ----------------------------------------------------------------------------------------------------


class NamedAda(permissions.BasePermission):
    """A rule of somebody's own."""

    message = "Only Ada may do this."
    code = "not_ada"

    def has_permission(self, request: Any, view: Any) -> bool:
        return request.user.name == "Ada"

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        return obj.name == "Ada"


class IsAda(permissions.BasePermission):
    """Only of objects."""

    message = "This is not Ada's."

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        return obj.name == "Ada"


class Described(APIView):
    scopes = "customers:read"
    needs_database = False

    def get(self, request: Any) -> Response:
        return Response(described(request))


class AdaOnly(Described):
    permission_classes = [HasScope, NamedAda]


class AdaOrScope(Described):
    permission_classes = [HasScope | NamedAda]


class AdaAndScope(Described):
    permission_classes = [HasScope & NamedAda]


class NotAda(Described):
    permission_classes = [HasScope & ~NamedAda]


class Authenticated(Described):
    permission_classes = [permissions.IsAuthenticated, HasScope]


class StaffOnly(Described):
    permission_classes = [HasScope, permissions.IsAdminUser]


class ByMethod(APIView):
    scopes = {"GET": "customers:read", "POST": "customers:write"}

    def get_permissions(self) -> list[permissions.BasePermission]:
        found = super().get_permissions()
        return [*found, NamedAda()] if self.request.method == "POST" else found

    def get(self, request: Any) -> Response:
        return Response(described(request))

    def post(self, request: Any) -> Response:
        return Response(described(request), 201)


class OfAda(GenericAPIView):
    """Checks an object, as `get_object()` of DRF does."""

    scopes = {"GET": "customers:read", "DELETE": "customers:write"}
    permission_classes = [HasScope, IsAda]

    def _find(self, id: str) -> Any:
        row = selectors.get_customer(id)
        self.check_object_permissions(self.request, row)
        return row

    def get(self, request: Any, id: str) -> Response:
        return Response({"name": self._find(id).name})

    def delete(self, request: Any, id: str) -> Response:
        row = selectors.get_customer(id)
        services.delete_customer(customer=row, actor=request.user)
        self.check_object_permissions(request, row)
        return Response(status=204)


class IsOwn(permissions.BasePermission):
    """Objects belong to the key that bears their name."""

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        return obj.name == request.user.name


class OwnCustomer(GenericAPIView):
    """Tells a key what only it may know; whether it may is known when the object has been found."""

    scopes = "customers:read"
    permission_classes = [HasScope, IsOwn]

    def post(self, request: Any) -> Response:
        row = selectors.get_customer(request.data["id"])
        self.check_object_permissions(request, row)
        return Response({"email": row.email})


class Inverted(Described):
    permission_classes = [~HasScope]


# --- Throttles ------------------------------------------------------------------------------------------------------


class OncePerUser(throttling.UserRateThrottle):
    """DRF's own, which counts in the cache."""

    rate = "1/hour"
    scope = "once"


class Exports(TierThrottle):
    """A policy of somebody's own: a class and a number of the tier."""

    policy = "exports"
    limit = "webhook_endpoints"
    methods = frozenset({"POST"})


class Unthrottled(Described):
    throttle_classes = []


class OtherThrottle(Described):
    throttle_classes = [*APIView.throttle_classes, OncePerUser]


class NewPolicy(APIView):
    scopes = ANY_KEY
    throttle_classes = [*APIView.throttle_classes, Exports]

    def get(self, request: Any) -> Response:
        return Response({})

    def post(self, request: Any) -> Response:
        return Response({}, 201)


class Reads(TierThrottle):
    """A policy of reads."""

    policy = "reads"
    limit = "webhook_endpoints"
    methods = frozenset({"GET"})


class CountedReads(Described):
    throttle_classes = [Reads]


class ByCaller(Described):
    def get_throttles(self) -> list[throttling.BaseThrottle]:
        return [KeyThrottle()] if self.request.user.name == "Ada" else super().get_throttles()


class Fickle(Described):
    def get_throttles(self) -> list[throttling.BaseThrottle]:
        SEEN.append("asked")
        return [KeyThrottle()] if SEEN == ["asked"] else [CompanyThrottle()]


# --- initial, exceptions, answers --------------------------------------------------------------------------------------


class Initial(Described):
    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.headers.get("X-Refuse"):
            raise exceptions.PermissionDenied("Not before noon.")
        self.greeting = f"Hello, {request.user.name}"

    def get(self, request: Any) -> Response:
        return Response({"greeting": self.greeting})


class Conflict(exceptions.APIException):
    """An exception of somebody's own."""

    status_code = 409
    default_detail = "Somebody else was faster."
    default_code = "conflict"


class ServiceUnavailable(exceptions.APIException):
    """The example of DRF's documentation of exceptions."""

    status_code = 503
    default_detail = "Service temporarily unavailable, try again later."
    default_code = "service_unavailable"


class Unavailable(Described):
    def get(self, request: Any) -> Response:
        raise ServiceUnavailable


class Busy(exceptions.APIException):
    """One that says when to come back, as DRF's own handler tells callers by `wait`."""

    status_code = 423
    wait = 7
    default_detail = {"lock": ["Somebody else holds it."]}


class Taken(exceptions.ValidationError):
    """A ValidationError with a status of its own."""

    status_code = 409


class Raising(Described):
    def get(self, request: Any) -> Response:
        raise Busy if request.headers["X-Raise"] == "Busy" else Taken({"sku": ["Taken."]})


class Handling(APIView):
    scopes = ANY_KEY

    def handle_exception(self, exc: Exception) -> Any:
        response = super().handle_exception(exc)
        response["X-Handled"] = type(exc).__name__
        return response

    def post(self, request: Any) -> Response:
        services.create_customer(name=request.data["name"], actor=request.user)
        raise Conflict


class Wrapping(APIView):
    """Every answer in an envelope, the way DRF's finalize_response is mostly used."""

    scopes = ANY_KEY

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        SEEN.append(response.status_code)
        response = super().finalize_response(request, response, *args, **kwargs)
        response.data = {"enveloped": response.data}
        response["X-Final"] = "yes"
        return response

    def get(self, request: Any) -> Response:
        return Response({"n": len(SEEN)})

    def post(self, request: Any) -> Response:
        return Response({"n": len(SEEN)}, 201)


class Returned(APIView):
    """Returns what others raise."""

    scopes = ANY_KEY

    def post(self, request: Any) -> Response:
        SEEN.append("called")
        services.create_customer(name=request.data["name"], actor=request.user)
        return Response({"sorry": "no"}, int(request.data["status"]), headers={"X-Own": "kept"})


class Streamed(APIView):
    """Answers a write by a stream, which DRF's views may."""

    scopes = ANY_KEY

    def post(self, request: Any) -> StreamingHttpResponse:
        SEEN.append("called")
        services.create_customer(name=request.data["name"], actor=request.user)
        return StreamingHttpResponse(iter([b"one\n", b"two\n"]), content_type="text/plain")


class Upload(APIView):
    scopes = ANY_KEY
    parser_classes = [MultiPartParser]

    def post(self, request: Any) -> Response:
        return Response({"text": request.data["file"].read().decode()}, 201)


class Unrenderable(APIView):
    scopes = ANY_KEY

    def post(self, request: Any) -> Response:
        services.create_customer(name="Ada", actor=request.user)
        return Response({"object": object()}, 201)


class LinesRenderer(BaseRenderer):
    """A second format."""

    media_type = "text/plain"
    format = "txt"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> str:
        return "\n".join(f"{name}={value}" for name, value in data.items())


class Formats(APIView):
    scopes = ANY_KEY
    renderer_classes = [JSONRenderer, LinesRenderer]
    parser_classes = [JSONParser, FormParser]
    versioning_class = versioning.AcceptHeaderVersioning

    def get(self, request: Any) -> Response:
        return Response({"format": request.accepted_renderer.format, "version": request.version})

    def post(self, request: Any) -> Response:
        SEEN.append("called")
        return Response({"name": request.data["name"]}, 201)


class Guest(drf_views.APIView):
    """A view of another package, which has never heard of this one, but for the line that names its scopes."""

    scopes = {"GET": "customers:read", "POST": "customers:write"}

    def get(self, request: Any) -> Response:
        return Response(described(request))

    def post(self, request: Any) -> Response:
        return Response(request.data, 201)
