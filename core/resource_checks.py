"""System checks of apps' declarations (core.resources): duplicate names and dead links prevent startup."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, register
from django.urls import Resolver404, resolve

from core.api.operations import mounted_views
from core.events import EVENT_TYPES
from core.resources import OBJECT_PREFIXES, RESOURCES, PomeloApp, app_of, pomelo_apps
from core.tenancy import CompanyModel, TenantModel


@register
def check_resources(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Return the errors in apps' declarations, with hints for fixing them."""
    return [*_named_twice(), *_undescribed(), *_dead_ends(), *_events_of_nothing()]


def _declared(app: PomeloApp) -> Iterator[tuple[str, str]]:
    """Yield (kind, name) of everything that must be unique."""
    for resource in app.resources:
        yield "resource", resource.name
        yield "object", resource.object
        yield "reference", resource.reference_name
        if resource.prefix:
            yield "identifier prefix", resource.prefix
    for scope in app.scopes:
        yield from (("scope", name) for name in (scope.name, *scope.aliases))
    for entry in app.menu:
        yield "menu entry", entry.path


def _named_twice() -> Iterator[CheckMessage]:
    owners: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for app in pomelo_apps():
        for declared in _declared(app):
            owners[declared].append(app.name)
    for model in apps.get_models():
        # Tables without a company are for staff, and share the prefix of their company-owned counterparts.
        if issubclass(model, (TenantModel, CompanyModel)) and model.id_prefix:
            owners["identifier prefix of a table,", model.id_prefix].append(model._meta.label)
    for (kind, name), found in owners.items():
        if len(found) > 1:
            yield Error(
                f"The {kind} {name} is declared by {_listed(found)}.",
                hint="Each name can have only one owner: rename all but one.",
                id="pomelo.E030",
            )


def _undescribed() -> Iterator[CheckMessage]:
    for mounted in mounted_views():
        route = mounted.route
        name = route.removeprefix("v1/").lstrip("^").partition("/")[0]
        if getattr(mounted.view, "schema", None) is None:
            continue
        if name not in RESOURCES or not RESOURCES[name].description:
            yield Error(
                f"/{route} belongs to {name}, which no app describes.",
                hint=f"Add Resource(name={name!r}, object=…, description=…) to the AppConfig of the app that owns it.",
                id="pomelo.E031",
            )


def _dead_ends() -> Iterator[CheckMessage]:
    for app in pomelo_apps():
        for entry in app.menu:
            try:
                resolve(entry.path)
            except Resolver404:
                yield Error(
                    f"The menu entry {entry.label} of {app.name} leads to {entry.path}, which is not a page.",
                    hint="Use the path of a page in page_urls, including page_prefix.",
                    id="pomelo.E032",
                )


def _events_of_nothing() -> Iterator[CheckMessage]:
    for kind, event in EVENT_TYPES.items():
        if not event.public or app_of(event.__module__) is None:
            continue
        if kind.partition(".")[0] not in OBJECT_PREFIXES:
            yield Error(
                f"The public event {kind} is about objects that no app declares.",
                hint="Add a Resource with that `object` and its `prefix`, or set `public = False`.",
                id="pomelo.E033",
            )
        if not " ".join((event.__doc__ or "").split()).endswith("."):
            yield Error(
                f"The public event {kind} has no docstring that says what happened.",
                hint="The webhook catalog shows it: write one sentence.",
                id="pomelo.E034",
            )


def _listed(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))
