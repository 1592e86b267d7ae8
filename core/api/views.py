"""The pipeline every API request passes, and the class every endpoint inherits (DESIGN §4).

Request id (core.middleware) → HTTPS → authentication → IP, origin, scope → rate limit → idempotency → view → one service →
publish → commit → headers → request log. Each stage is one file; this one only says their order.
"""

import time
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, ClassVar, Protocol

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.module_loading import import_string
from rest_framework import serializers
from rest_framework.views import APIView

from core.api import idempotency
from core.api.errors import HttpsRequired, InvalidRequest, MethodNotAllowed
from core.api.exceptions import problem, to_domain_error
from core.api.pagination import paginate
from core.api.rendering import JSON, check_accept, read_json, reply
from core.api.scopes import ANY_KEY
from core.errors import FieldError, FieldErrors, NotFound
from core.requests import ApiRequest
from core.tenancy import Tenant, tenant_context

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
Requirement = str | tuple[str, ...]


class Guard(Protocol):
    """What `settings.API_GUARD` names: authentication, restrictions and limits. Stateless, shared by all threads."""

    def identify(self, request: ApiRequest) -> None:
        """Find the credential's grant; sets `request.principal` or keeps the refusal for `settle`."""

    def decide(self, request: ApiRequest, required: tuple[str, ...]) -> None:
        """Check IP, origin and scope against the grant, without I/O; collects `request.trace`."""

    def settle(self, request: ApiRequest, required: tuple[str, ...], policies: tuple[str, ...]) -> None:
        """Prove the grant is the newest and take the tokens in one round trip; raises the first refusal."""

    def report_exposure(self, request: ApiRequest) -> None:
        """A credential came over plain HTTP: tell its company, if it is a live one. Never raises."""


@lru_cache(maxsize=4)
def _load(path: str) -> Any:
    found = import_string(path)
    return found() if isinstance(found, type) else found


@cache
def _validator(serializer: type[serializers.Serializer], partial: bool) -> serializers.Serializer:
    """Return the one instance that validates for all requests: it keeps nothing of them, and each costs a copy of all fields."""
    return serializer(partial=partial)


class ApiView(APIView):
    """Base of every endpoint under /v1.

    `scopes` names, for each method, the scope it needs (a tuple: any one of them is enough; ANY_KEY: every valid key).
    A method without an entry cannot be registered (core.checks). `policies` adds named rate-limit policies to a method.
    A view that answers from the grant alone says `needs_database = False`: it gets no transaction, so any query of a
    company's table raises TenantRequired.
    """

    scopes: ClassVar[Mapping[str, Requirement]] = {}
    policies: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    produces: ClassVar[str] = JSON
    needs_database: ClassVar[bool] = True

    def dispatch(self, request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        """Run the pipeline and answer; whatever happens inside becomes problem+json."""
        started = time.perf_counter()
        request.trace, request.rate_headers = [], {}
        refused_by = None
        try:
            handler = self._admit(request)
            response = self._execute(request, handler, kwargs)
        except Exception as raised:  # the boundary: every failure has a public form
            error = to_domain_error(raised)
            refused_by = error.code
            response = problem(request, error)
        headers = response.headers
        for name, value in request.rate_headers.items():
            headers[name] = value
        _load(settings.API_REQUEST_LOG)(
            {
                "request": request,
                "response": response,
                "refused_by": refused_by,
                "duration_ms": (time.perf_counter() - started) * 1000,
            }
        )
        return response

    def _admit(self, request: ApiRequest) -> Callable[..., HttpResponse]:
        """Host, HTTPS, authentication, restrictions, scope and limits; returns the handler."""
        guard: Guard = _load(settings.API_GUARD)
        request.get_host()  # raises DisallowedHost
        if settings.REQUIRE_HTTPS and not request.secure:
            guard.report_exposure(request)
            raise HttpsRequired
        method = request.method or "GET"
        handler = getattr(self, method.lower(), None) if method.lower() in self.http_method_names else None
        if method == "OPTIONS" or handler is None:
            needed: Requirement = ANY_KEY
        else:
            needed = self.scopes["GET" if method == "HEAD" else method]
        required = (needed,) if isinstance(needed, str) else needed
        guard.identify(request)
        guard.decide(request, required)
        guard.settle(request, required, self.policies.get(method, ()))
        if handler is None:
            allowed = ", ".join(self.allowed_methods)
            raise MethodNotAllowed(f"{method} is not allowed here.", headers={"Allow": allowed})
        check_accept(request, self.produces)
        if request.META.get("QUERY_STRING"):
            check_query(request.GET)
        return handler

    def _execute(
        self, request: ApiRequest, handler: Callable[..., HttpResponse], kwargs: dict[str, Any]
    ) -> HttpResponse:
        """Run the handler in one tenant transaction, under its Idempotency-Key where there is one.

        A handler that needs no database gets neither: not even a connection from the pool.
        """
        if not self.needs_database:
            return handler(request, **kwargs)
        principal = request.principal
        assert principal.company_id is not None
        assert principal.mode is not None
        with tenant_context(Tenant(principal.company_id, principal.mode)):
            if request.method in WRITES:
                key = idempotency.read_key(request)
                if key is not None:
                    return idempotency.run_once(
                        request,
                        key,
                        lambda: handler(request, **kwargs),
                        lambda error: problem(request, error),
                    )
            return handler(request, **kwargs)

    # --- what handlers use --------------------------------------------------------------------------------------------

    def read_body(self, request: ApiRequest, serializer: type[serializers.Serializer]) -> dict[str, Any]:
        """Return the validated body; raises FieldErrors (through DRF's ValidationError) naming each refused field.

        For PATCH only the fields that were sent are required and returned.
        """
        validated: dict[str, Any] = _validator(serializer, request.method == "PATCH").run_validation(
            read_json(request)
        )
        return validated

    def read_no_body(self, request: ApiRequest) -> None:
        """Refuse a body with fields where none are known."""
        unknown = read_json(request)
        if unknown:
            raise FieldErrors(
                [FieldError(name, "unknown_field", "This field is not known here.") for name in unknown]
            )

    def page(
        self, request: ApiRequest, queryset: Any, represent: Callable[[Any], dict[str, Any]], **kwargs: Any
    ) -> HttpResponse:
        """Answer with one page of `queryset`."""
        return reply(paginate(queryset, request, **kwargs).render(represent))

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        """List the methods of the resource."""
        response = HttpResponse(status=204)
        response.headers["Allow"] = ", ".join(self.allowed_methods)
        return response


class UnknownRoute(ApiView):
    """Answers every path under /v1 that no endpoint has, after the same checks as any other."""

    scopes = dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), ANY_KEY)
    schema = None

    def get(self, request: ApiRequest, **kwargs: Any) -> HttpResponse:
        """There is nothing here."""
        raise NotFound

    post = put = patch = delete = get


def known_parameters(query: QueryDict, allowed: frozenset[str]) -> None:
    """Raise FieldErrors naming every query parameter that is not in `allowed`."""
    unknown = [name for name in query if name not in allowed]
    if unknown:
        raise FieldErrors(
            [
                FieldError(
                    name[:100] or "(empty)", "unknown_parameter", "This query parameter is not known here."
                )
                for name in unknown
            ]
        )


def check_query(query: QueryDict) -> None:
    """Refuse what no endpoint can mean: a parameter sent twice (which one is it?), one without a value, a NUL character.

    Whoever sends `email=` or `email=%20` has lost the address on the way: taken for no filter at all it would answer everybody's.

    Raises InvalidRequest or FieldErrors.
    """
    for name, values in query.lists():
        if len(values) > 1:
            raise InvalidRequest(f"The query parameter {name[:100]} was sent {len(values)} times.")
        if "\x00" in name or "\x00" in values[0]:
            raise FieldErrors(
                [FieldError(name.replace("\x00", "")[:100], "invalid", "Must not contain a NUL character.")]
            )
        if not values[0].strip():
            raise FieldErrors(
                [FieldError(name[:100] or "(empty)", "blank", "Give a value, or leave the parameter out.")]
            )
