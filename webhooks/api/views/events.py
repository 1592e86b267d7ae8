"""`/v1/events`: what happened, for those who would rather ask than be told."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from core.api.access import ApiRequest
from core.api.views import GenericViewSet
from core.api.waiting import hold_response
from webhooks import representations, selectors
from webhooks.api.event_pages import EventPagination
from webhooks.api.filters import EventFilter
from webhooks.api.serializers import EventOutput
from webhooks.selectors.positions import newest_position


class EventViewSet(GenericViewSet):
    """The company's events in the key's mode."""

    scopes = {"list": "events:read", "retrieve": "events:read"}
    filterset_class = EventFilter
    pagination_class = EventPagination

    @extend_schema(operation_id="list_events", responses=EventOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List events whose objects the key may read, newest first; with `order=oldest_first`, on from the last event seen."""
        wait = request.query_params.get("wait")
        # Before the page: an event that comes between the two is on the page.
        known = newest_position() if wait else 0
        answer = self.page(selectors.list_events(request.user), representations.event)
        if wait and int(wait) and not answer.data["data"]:
            hold_response(request, position=known, seconds=int(wait))
        return answer

    @extend_schema(operation_id="retrieve_event", responses=EventOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read an event."""
        return Response(representations.event(selectors.get_event(id, request.user)))
