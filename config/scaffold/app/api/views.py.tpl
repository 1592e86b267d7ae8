"""`/v1/{{ app }}`."""

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from {{ app }} import representations, selectors, services
from {{ app }}.api.filters import {{ model }}Filter
from {{ app }}.api.serializers import {{ model }}Input, {{ model }}Output
from core.api.access import ApiRequest
from core.api.serializers import NoBody
from core.api.views import GenericViewSet


class {{ model }}ViewSet(GenericViewSet):
    """The company's {{ words }}."""

    scopes = {
        "list": "{{ app }}:read",
        "retrieve": "{{ app }}:read",
        "create": "{{ app }}:write",
        "partial_update": "{{ app }}:write",
        "destroy": "{{ app }}:write",
    }
    filterset_class = {{ model }}Filter

    @extend_schema(operation_id="list_{{ app }}", responses={{ model }}Output(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List {{ words }}, newest first."""
        return self.page(selectors.list_{{ app }}(), representations.{{ object }})

    @extend_schema(operation_id="create_{{ object }}", request={{ model }}Input, responses={201: {{ model }}Output})
    def create(self, request: ApiRequest) -> Response:
        """Create {{ a_lower }} {{ word }}."""
        row = services.create_{{ object }}(actor=request.user, **{{ model }}Input.read(request))
        return Response(representations.{{ object }}(row), 201)

    @extend_schema(operation_id="retrieve_{{ object }}", responses={{ model }}Output)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Retrieve {{ a_lower }} {{ word }}."""
        return Response(representations.{{ object }}(selectors.get_{{ object }}(id)))

    @extend_schema(operation_id="update_{{ object }}", request={{ model }}Input, responses={{ model }}Output)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        """Update the given fields."""
        row = selectors.get_{{ object }}(id)
        fields = {{ model }}Input.read(request)
        row = services.update_{{ object }}({{ object }}=row, actor=request.user, **fields)
        return Response(representations.{{ object }}(row))

    @extend_schema(operation_id="delete_{{ object }}", request=None, responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        """Delete {{ a_lower }} {{ word }}. Objects that refer to it are kept."""
        NoBody.read(request)
        services.delete_{{ object }}({{ object }}=selectors.get_{{ object }}(id), actor=request.user)
        return Response(status=204)
