"""`/v1/events`: what happened, for those who would rather ask than be told."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema

from core.api.filters import filter_queryset
from core.api.rendering import reply
from core.api.views import ApiRequest, ApiView
from webhooks import representations, selectors
from webhooks.api.event_pages import paginate_events
from webhooks.api.filters import EventFilter
from webhooks.api.serializers import EventOutput


class EventList(ApiView):
    """The company's events in the key's mode."""

    scopes = {"GET": "events:read"}
    filterset_class = EventFilter

    @extend_schema(operation_id="list_events", responses=EventOutput(many=True))
    def get(self, request: ApiRequest) -> HttpResponse:
        """List events, newest first; with `order=oldest_first`, on from the last event seen."""
        rows = filter_queryset(request, selectors.list_events(), EventFilter)
        return reply(paginate_events(rows, request).render(representations.event))


class EventDetail(ApiView):
    """One event."""

    scopes = {"GET": "events:read"}

    @extend_schema(operation_id="retrieve_event", responses=EventOutput)
    def get(self, request: ApiRequest, id: str) -> HttpResponse:
        """Read an event."""
        return reply(representations.event(selectors.get_event(id)))
