"""System checks for the API: report views that would bypass a part of the pipeline, before the server starts."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from rest_framework.permissions import OperandHolder
from rest_framework.settings import api_settings

from core.api.operations import MountedView, mounted_views
from core.api.permissions import HasScope
from core.api.scopes import ANY_KEY, SCOPES
from core.events import EVENT_TYPES


@register(Tags.security)
def check_api_views(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check that every endpoint under /v1 uses the pipeline and names a known scope for each of its methods."""
    return [message for mounted in mounted_views() for message in _check(mounted)]


def _check(mounted: MountedView) -> Iterator[CheckMessage]:
    from rest_framework.views import APIView

    from core.api.views import WRITES, TenantMixin

    route, view = mounted.route, mounted.view
    if view is None or not issubclass(view, APIView):
        if not getattr(mounted.callback, "public_document", False):
            yield Error(f"/{route} is not a Django REST framework view.", id="pomelo.E001")
        return
    if not any(
        issubclass(found, _default_authenticators()) for found in mounted.attribute("authentication_classes")
    ):
        yield Error(
            f"/{route} does not authenticate by API key.",
            hint="authentication_classes replaces the defaults: include ApiKeyAuthentication.",
            id="pomelo.E006",
        )
    methods = mounted.methods
    if any(_asks_for_scopes(permission) for permission in mounted.attribute("permission_classes")):
        for method in sorted(methods):
            if not mounted.scopes(method):
                yield Error(f"{method} /{route} declares no scope.", id="pomelo.E002")
    else:
        yield Error(
            f"/{route} has permission_classes without HasScope.",
            hint="permission_classes replaces the defaults: include HasScope, with the view's scopes.",
            id="pomelo.E005",
        )
    for method in methods:
        for scope in mounted.scopes(method):
            if scope != ANY_KEY and scope not in SCOPES:
                yield Error(f"{method} /{route} declares an unknown scope, {scope}.", id="pomelo.E003")
    yield from _check_events(mounted)
    if not issubclass(view, TenantMixin):
        yield checks.Warning(
            f"/{route} runs without a tenant transaction and without Idempotency-Key.",
            hint="Use a base class from core.api.views.",
            id="pomelo.W001",
        )
    elif not mounted.attribute("needs_database") and WRITES & methods.keys():
        yield Error(f"/{route} writes, so it needs a transaction: set needs_database.", id="pomelo.E004")


def _check_events(mounted: MountedView) -> Iterator[CheckMessage]:
    """Check that changes made by DRF's mixins publish an event, without which webhooks and the audit trail would miss them."""
    from rest_framework import mixins

    from core.api.views import PublishingMixin, event_of

    actions = set(mounted.methods.values())
    queryset = mounted.attribute("queryset")
    for verb, names, name, silent in (
        ("created", {"create"}, "perform_create", mixins.CreateModelMixin.perform_create),
        ("updated", {"update", "partial_update"}, "perform_update", mixins.UpdateModelMixin.perform_update),
        ("deleted", {"destroy"}, "perform_destroy", mixins.DestroyModelMixin.perform_destroy),
    ):
        performs = getattr(mounted.view, name, None)
        if not actions & names or performs is None:
            continue
        if performs is silent:
            yield Error(
                f"/{mounted.route} changes rows with DRF's {name}, which publishes no event.",
                hint="Inherit from core.api.views.ModelViewSet, or call a service that publishes the event.",
                id="pomelo.E009",
            )
        elif performs is getattr(PublishingMixin, name) and queryset is not None:
            kind = event_of(queryset.model, verb)
            if kind not in EVENT_TYPES:
                yield Error(
                    f"/{mounted.route} publishes {kind}, which no app declares.",
                    hint="Add the event to the app's events.py, and its Resource to the AppConfig.",
                    id="pomelo.E009",
                )


def _default_authenticators() -> tuple[type, ...]:
    # The stubs describe the value in settings.py; DRF returns the imported classes.
    return tuple(cast(Iterable[type], api_settings.DEFAULT_AUTHENTICATION_CLASSES))


def _asks_for_scopes(permission: Any) -> bool:
    """Return whether `permission`, or any part of it composed by `&` and `|`, is HasScope. `~HasScope` does not count."""
    if isinstance(permission, OperandHolder):
        return _asks_for_scopes(permission.op1_class) or _asks_for_scopes(permission.op2_class)
    return isinstance(permission, type) and issubclass(permission, HasScope)
