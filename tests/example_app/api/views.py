"""`/v1/bookings`."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from core.api.access import ApiRequest
from core.api.serializers import NoBody
from core.api.views import GenericViewSet
from tests.example_app import representations, selectors, services
from tests.example_app.api.filters import BookingFilter
from tests.example_app.api.serializers import BookingInput, BookingOutput
from tests.example_app.api.throttles import ConfirmThrottle


class BookingViewSet(GenericViewSet):
    """The company's bookings."""

    scopes = {
        "list": "bookings:read",
        "retrieve": "bookings:read",
        "create": "bookings:write",
        "partial_update": "bookings:write",
        "destroy": "bookings:write",
    }
    filterset_class = BookingFilter

    @extend_schema(operation_id="list_bookings", responses=BookingOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List bookings, newest first."""
        return self.page(selectors.list_bookings(), representations.booking)

    @extend_schema(operation_id="create_booking", request=BookingInput, responses={201: BookingOutput})
    def create(self, request: ApiRequest) -> Response:
        """Create a booking."""
        row = services.create_booking(actor=request.user, **BookingInput.read(request))
        return Response(representations.booking(row), 201)

    @extend_schema(operation_id="retrieve_booking", responses=BookingOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a booking."""
        return Response(representations.booking(selectors.get_booking(id)))

    @extend_schema(operation_id="update_booking", request=BookingInput, responses=BookingOutput)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        """Change the fields that are sent."""
        row = selectors.get_booking(id)
        fields = BookingInput.read(request)
        row = services.update_booking(booking=row, actor=request.user, **fields)
        return Response(representations.booking(row))

    @extend_schema(operation_id="confirm_booking", request=None, responses=BookingOutput)
    @action(
        detail=True,
        methods=["post"],
        scopes="bookings:confirm",
        throttle_classes=[*GenericViewSet.throttle_classes, ConfirmThrottle],
    )
    def confirm(self, request: ApiRequest, id: str) -> Response:
        """Confirm a booking, once."""
        NoBody.read(request)
        row = services.confirm_booking(booking=selectors.get_booking(id), actor=request.user)
        return Response(representations.booking(row))

    @extend_schema(operation_id="delete_booking", request=None, responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        """Delete a booking; what refers to it stays."""
        NoBody.read(request)
        services.delete_booking(booking=selectors.get_booking(id), actor=request.user)
        return Response(status=204)
