"""Templates of messages, under /v1."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response

from core.api.access import ApiRequest
from core.api.filters import CreatedRange
from core.api.serializers import NoBody
from core.api.views import GenericViewSet
from messaging import representations, services
from messaging.api.filters import TemplateFilter
from messaging.api.template_serializers import (
    PreviewInput,
    TemplateChange,
    TemplateInput,
    TemplateOutput,
    TemplatePreviewOutput,
    TemplateSummaryOutput,
    TemplateVersionOutput,
)
from messaging.models import Template
from messaging.selectors import templates as selectors
from messaging.services.composing import preview


class TemplateViewSet(GenericViewSet):
    """`/v1/templates`."""

    scopes = {
        "list": "templates:read",
        "retrieve": "templates:read",
        "create": "templates:write",
        "partial_update": "templates:write",
        "destroy": "templates:write",
    }
    filterset_class = TemplateFilter
    sort_columns = selectors.TEMPLATE_SORT

    @extend_schema(operation_id="list_templates", responses=TemplateSummaryOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List templates, newest first, without their texts."""
        return self.page(selectors.list_templates(), representations.template_summary)

    @extend_schema(operation_id="create_template", request=TemplateInput, responses={201: TemplateOutput})
    def create(self, request: ApiRequest) -> Response:
        """Create a template. Its texts may have variables: `Hello {{ customer.name }}`."""
        row = services.create_template(actor=request.user, **TemplateInput.read(request))
        return _respond(row, 201)

    @extend_schema(operation_id="retrieve_template", responses=TemplateOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a template with the texts of its newest version."""
        return _respond(selectors.get_template(id))

    @extend_schema(operation_id="update_template", request=TemplateChange, responses=TemplateOutput)
    def partial_update(self, request: ApiRequest, id: str) -> Response:
        """Change the fields that are sent. Changing the texts or variables creates a new version; earlier versions stay unchanged."""
        row = selectors.get_template(id)
        row = services.update_template(template=row, actor=request.user, **TemplateChange.read(request))
        return _respond(row)

    @extend_schema(operation_id="delete_template", request=None, responses={204: None})
    def destroy(self, request: ApiRequest, id: str) -> Response:
        """Delete a template and its versions. Messages created from it stay, and are still sent."""
        NoBody.read(request)
        services.delete_template(template=selectors.get_template(id), actor=request.user)
        return Response(status=204)

    @extend_schema(operation_id="list_template_versions", responses=TemplateVersionOutput(many=True))
    @action(detail=True, scopes={"GET": "templates:read"}, filterset_class=CreatedRange, sort_columns={})
    def versions(self, request: ApiRequest, id: str) -> Response:
        """List a template's versions, newest first."""
        row = selectors.get_template(id)
        return self.page(
            selectors.list_versions(row), lambda version: representations.template_version(row, version)
        )

    @extend_schema(operation_id="preview_template", request=PreviewInput, responses=TemplatePreviewOutput)
    @action(detail=True, methods=["post"], scopes="templates:read")
    def preview(self, request: ApiRequest, id: str) -> Response:
        """Show the texts of a message created from the template. Nothing is sent or stored."""
        row = selectors.get_template(id)
        fields = PreviewInput.read(request)
        version, composed = preview(row, number=fields.get("version"), variables=fields["variables"])
        return Response(representations.template_preview(row, version, composed))


def _respond(row: Template, status: int = 200) -> Response:
    return Response(representations.template(row, selectors.newest_version(row)), status)
