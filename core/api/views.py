"""DRF's views, extended with what every tenant endpoint needs around its handler (docs/architecture.md, The request pipeline).

The pipeline is DRF's own, in DRF's order, with the classes named in `REST_FRAMEWORK`. This module adds what DRF has no hook
for: the handler runs in one transaction of the key's tenant, once per Idempotency-Key, and its response is rendered before
the commit.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpResponse
from rest_framework import generics, mixins, viewsets
from rest_framework import views as drf_views
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from core.api import idempotency, preconditions, versions
from core.api.access import Access, ApiRequest, authenticate
from core.api.deprecation import Deprecation, deprecation_of
from core.api.errors import NoSuchRoute
from core.api.filters import check_query
from core.api.permissions import Scopes
from core.api.rendering import read_body
from core.api.scopes import ANY_KEY
from core.errors import DomainError, NotFound
from core.events import EVENT_TYPES, publish
from core.http.routes import route_template
from core.resources import OBJECT_PREFIXES
from core.tenancy import tenant_context
from core.values import ids

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

Handler = Callable[..., HttpResponse]
# The mixin's base for type checking only, so that the method resolution order of DRF's classes is unchanged.
if TYPE_CHECKING:
    _View = drf_views.APIView
else:
    _View = object


class TenantMixin(_View):
    """Runs the handler in the key's tenant.

    `scopes` names what each action or method needs (core.api.permissions). A view that answers from `request.auth` alone
    says `needs_database = False`: it gets no transaction, so any query of a company's table raises TenantRequired. So does one
    whose answer takes long to make; it reads in a `tenant_context` of its own, which has ended by then.
    """

    scopes: ClassVar[Scopes] = {}
    # Deprecations by action or by method (core.api.deprecation).
    deprecations: ClassVar[Mapping[str, Deprecation]] = {}
    needs_database: ClassVar[bool] = True
    # Maximum body size in bytes by action, where it differs from API_MAX_BODY_BYTES. The server in front accepts no more
    # than DATA_UPLOAD_MAX_MEMORY_SIZE (config.door.intake).
    body_limits: ClassVar[Mapping[str, int]] = {}
    # The body is read after the throttles, by `_handle`. For views of extensions, content negotiation reads it.
    reads_body: ClassVar[bool] = True

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Omit `Allow`: it belongs to 405 and OPTIONS, and listing the methods costs more than any other step."""
        headers: dict[str, str] = {}
        if len(self.renderer_classes) > 1:
            headers["Vary"] = "Accept"
        return headers

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, check permissions and throttles as DRF does, and wrap the handler that comes next."""
        super().initial(request, *args, **kwargs)
        if self.deprecations:
            self._announce_deprecation(request)
        name = (request.method or "").lower()
        handler = getattr(self, name, None) if name in self.http_method_names else None
        if handler is not None:
            # Set on the instance, as a ViewSet does for its actions; DRF looks the handler up next.
            setattr(self, name, partial(self._handle, handler))

    def _announce_deprecation(self, request: Request) -> None:
        found = deprecation_of(self, request.method)
        if found is not None and isinstance(request.auth, Access) and request.resolver_match is not None:
            request.auth.note_deprecated(
                f"{request.method} {route_template(request.resolver_match.route)}", found
            )

    def perform_authentication(self, request: Request) -> None:
        """Authenticate as DRF does, unless content negotiation already has."""
        authenticate(request)

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        """List the methods of the resource."""
        return Response(status=204, headers={"Allow": ", ".join(self.allowed_methods)})

    def before_transaction(self, request: ApiRequest) -> None:
        """Hook for work that a write needs outside its transaction (core.postgres.outside). The body is read but not validated.

        Also called for replays under an Idempotency-Key and for requests that will be rejected.
        """

    # --- around the handler -------------------------------------------------------------------------------------------

    def _handle(self, handler: Handler, request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Call `handler` in a tenant transaction, under the request's Idempotency-Key if it has one.

        A response with status 400 or above rolls the transaction back, as an exception would, and keeps its status and body.
        """
        if request.META.get("QUERY_STRING"):
            check_query(request.query_params)
        if not self.needs_database:
            response = self._finish(request, handler(request, *args, **kwargs), *args, **kwargs)
            self.finalize_response = _as_it_is  # type: ignore[method-assign, assignment]
            return response
        if not isinstance(request.auth, Access):
            raise ImproperlyConfigured("Only ApiKeyAuthentication says which tenant a request is of.")
        key = None
        if request.method in WRITES:
            if "HTTP_IF_MATCH" in request.META:
                handler = preconditions.matching(handler, self)
            limit = self.body_limits.get(getattr(self, "action", ""), settings.API_MAX_BODY_BYTES)
            read_body(request._request, limit=limit)  # noqa: SLF001
            key = idempotency.read_key(request)
            self.before_transaction(request)
        with tenant_context(request.auth.tenant):
            if key is None:
                response = self._finish(request, handler(request, *args, **kwargs), *args, **kwargs)
                if response.status_code >= 400:
                    transaction.set_rollback(True)
            else:
                attempt = partial(self._attempt, handler, request, *args, **kwargs)
                response = idempotency.run_once(request, key, attempt)
        # The response is committed and rendered; DRF must not finalize it again.
        self.finalize_response = _as_it_is  # type: ignore[method-assign, assignment]
        return response

    def _attempt(self, handler: Handler, request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Call `handler` in a savepoint that an error rolls back, so that its response can still be stored."""
        try:
            with transaction.atomic():
                response = self._finish(request, handler(request, *args, **kwargs), *args, **kwargs)
                if response.status_code >= 400:
                    transaction.set_rollback(True)
        except (DomainError, APIException, Http404, PermissionDenied) as refusal:
            refused = self.handle_exception(refusal)
            response = self._finish(request, refused, *args, **kwargs)
        if request.api_version is not None:
            # Stored with the response, so that a replay names the version it was written in.
            response.headers[versions.HEADER] = request.api_version.date
        return response

    def _finish(self, request: ApiRequest, response: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the rendered response; one that cannot be rendered rolls the transaction back."""
        final: HttpResponse = self.finalize_response(request, response, *args, **kwargs)
        if isinstance(final, Response):
            final.render()
        return preconditions.tag_answer(self, request, final)

    def lock_object(self, path: Mapping[str, Any]) -> None:
        """Lock the object in the path, for a write with `If-Match`. Overridden by views whose service locks another row first."""
        preconditions.lock_row(path)


def _as_it_is(request: Request, response: HttpResponse, *args: Any, **kwargs: Any) -> HttpResponse:
    return response


class APIView(TenantMixin, drf_views.APIView):
    """DRF's APIView, in the key's tenant."""


class GenericAPIView(TenantMixin, generics.GenericAPIView[Any]):
    """DRF's GenericAPIView, in the key's tenant; objects are named by their public id."""

    lookup_url_kwarg = "id"
    # What a list is sorted by besides creation time: a value of `sort`, and the column, of which the tenant has an index.
    sort_columns: ClassVar[Mapping[str, str]] = {}

    def get_object(self) -> Any:
        """Return the object that the path names by its public id, as DRF does by its key.

        Raises NotFound for a malformed, missing or foreign id alike, and what `check_object_permissions` raises.
        """
        queryset = self.filter_queryset(self.get_queryset())
        prefix: str = getattr(queryset.model, "id_prefix", "")
        if self.lookup_field != "pk" or not prefix:
            return super().get_object()
        try:
            found = queryset.get(pk=ids.decode(prefix, self.kwargs[self.lookup_url_kwarg]))
        except (ids.InvalidId, queryset.model.DoesNotExist) as error:
            raise NotFound from error
        self.check_object_permissions(self.request, found)
        return found

    def page(self, queryset: Any, represent: Callable[[Any], dict[str, Any]]) -> Response:
        """Answer with the page of `queryset` that is asked for, filtered, each row by `represent`."""
        rows: Iterable[Any] = self.paginate_queryset(self.filter_queryset(queryset)) or ()
        return self.get_paginated_response([represent(row) for row in rows])


class ViewSet(viewsets.ViewSetMixin, APIView):
    """DRF's ViewSet, in the key's tenant; paths name objects by `id`, as those of GenericViewSet do."""

    lookup_url_kwarg = "id"


class GenericViewSet(viewsets.ViewSetMixin, GenericAPIView):
    """DRF's GenericViewSet, in the key's tenant."""


class ReadOnlyModelViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, GenericViewSet):
    """DRF's ReadOnlyModelViewSet, in the key's tenant."""


class PublishingMixin(GenericAPIView):
    """Publishes what DRF's create, update and destroy have done: webhooks carry it, and the audit trail keeps who did it.

    The events are `<object>.created`, `.updated` and `.deleted` of the app that owns the model; a system check says which one
    is missing. Whoever overrides a `perform_…` calls a service there, which publishes by itself.
    """

    def represent(self, row: Any) -> dict[str, Any]:
        """Return the public form of `row`, which its events carry."""
        return dict(self.get_serializer(row).data)

    def perform_create(self, serializer: Any) -> None:
        """Save the row that was sent."""
        row = serializer.save()
        self._publish("created", row.public_id, object=self.represent(row))

    def perform_update(self, serializer: Any) -> None:
        """Save the fields that were sent; what changes nothing is no event."""
        before = self.represent(serializer.instance)
        row = serializer.save()
        after = self.represent(row)
        changes = {
            name: [before.get(name), value] for name, value in after.items() if before.get(name) != value
        }
        if changes:
            self._publish("updated", row.public_id, object=after, changes=changes)

    def perform_destroy(self, instance: Any) -> None:
        """Delete the row."""
        public_id, last = instance.public_id, self.represent(instance)
        instance.delete()
        self._publish("deleted", public_id, object=last)

    def _publish(self, verb: str, object_id: str, **facts: Any) -> None:
        kind = event_of(self.get_queryset().model, verb)
        publish(EVENT_TYPES[kind](object_id=object_id, **facts), actor=cast(ApiRequest, self.request).user)


def event_of(model: type[Model], verb: str) -> str:
    """Return the type of the event that says that a row of `model` was created, updated or deleted: `product.created`."""
    prefix = getattr(model, "id_prefix", None)
    kinds = [kind for kind, other in OBJECT_PREFIXES.items() if prefix and other == prefix]
    return f"{kinds[0] if kinds else model._meta.model_name}.{verb}"


class ModelViewSet(
    PublishingMixin,
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    mixins.ListModelMixin,
    GenericViewSet,
):
    """DRF's ModelViewSet, in the key's tenant; what it changes is published."""


class UnknownRoute(APIView):
    """Answers every path under /v1 that no endpoint has, after the same checks as any other."""

    scopes = ANY_KEY
    schema = None

    def get(self, request: ApiRequest, **kwargs: Any) -> HttpResponse:
        """There is nothing here."""
        raise NoSuchRoute

    post = put = patch = delete = get
