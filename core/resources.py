"""The declarations of an app, all in its AppConfig. The contract is docs/extending.md.

An app subclasses `PomeloApp` and declares its routes, pages, resources, scopes and menu entries. Everything else reads them from
here: the URL configuration, the key creation page, the OpenAPI document, the menu, the audit filters, and the contract tests of
all endpoints. Pomelo's own apps are declared the same way, so extensions have the same capabilities.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, TypeVar

from django.apps import AppConfig, apps
from django.conf import settings

T = TypeVar("T")
Section = Literal["developers", "business", "company"]


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope: its name, the resource it is grouped under on the key creation page, and what it allows.

    `aliases` are alternative names that are accepted; the scope is stored under its own name.
    """

    name: str
    resource: str
    description: str
    writes: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A type of object.

    `name` is the last part of its collection's path (`customers`) and the tag of its operations in the OpenAPI document, which
    shows `description`; a resource below another's path (`refunds`) needs none. `object` is the `object` field of its objects and
    the first part of its event types (`customer.created`). `prefix` is the prefix of its IDs, if any. `reference` is the name of
    fields and filters that refer to it (by default `object`), and `label` its name on pages. `position` orders the tags. Objects
    that `are_pruned` are deleted after a while, so nothing may refer to them. `read_scope` is the scope for reading its objects
    anywhere, including events and deliveries (by default `<name>:read`). `payload` is the path of the serializer for the objects in
    events, if it is not the one that the object's endpoint returns.
    """

    name: str
    object: str
    prefix: str = ""
    description: str = ""
    reference: str = ""
    label: str = ""
    position: int = 50
    are_pruned: bool = False
    read_scope: str = ""
    payload: str = ""

    @property
    def reference_name(self) -> str:
        """The name of a field or filter that refers to such an object."""
        return self.reference or self.object

    @property
    def title(self) -> str:
        """The collection's name on pages: `Webhook endpoints`."""
        return self.label or self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A link in the sidebar: its section, label, path, and icon."""

    section: Section
    label: str
    path: str
    icon: str = "box"
    position: int = 50


class PomeloApp(AppConfig):
    """Base class of AppConfigs, with the app's declarations. All attributes are optional.

    `api_urls` is the URLconf mounted under /v1, `examples` the module with its examples (core.api.examples), `page_urls` the URLconf
    of its pages, mounted under `page_prefix`. `audit_labels` are labels for groups of audit actions without a resource (`member` →
    "Team"). `traces` are paths of classes for objects that keys create and that outlive them (core.security.made_by), `finders` paths
    of functions that look up text entered into "Find anything", `namers` paths of functions that return the names and pages of
    objects (both core.ui.finding). Its `events.py` is loaded automatically.
    """

    default = False  # for modules that import this class; subclasses are defaults again
    default_auto_field = "django.db.models.BigAutoField"

    api_urls: ClassVar[str] = ""
    examples: ClassVar[str] = ""
    page_urls: ClassVar[str] = ""
    page_prefix: ClassVar[str] = ""
    resources: ClassVar[tuple[Resource, ...]] = ()
    scopes: ClassVar[tuple[Scope, ...]] = ()
    menu: ClassVar[tuple[MenuEntry, ...]] = ()
    audit_labels: ClassVar[Mapping[str, str]] = {}
    traces: ClassVar[tuple[str, ...]] = ()
    finders: ClassVar[tuple[str, ...]] = ()
    namers: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Make subclasses discoverable: Django uses the only AppConfig of a module whose `default` is not False."""
        super().__init_subclass__(**kwargs)
        if "default" not in cls.__dict__:
            cls.default = True


class Registered(Mapping[str, T]):
    """A mapping built from the installed apps, in their order, on first access. Raises AppRegistryNotReady before that."""

    def __init__(self, build: Callable[[], Mapping[str, T]]) -> None:
        self._build = build

    @cached_property
    def _found(self) -> Mapping[str, T]:
        return self._build()

    def __getitem__(self, name: str) -> T:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return repr(self._found)


def pomelo_apps() -> list[PomeloApp]:
    """Return the installed PomeloApps, in the order of INSTALLED_APPS."""
    return [config for config in apps.get_app_configs() if isinstance(config, PomeloApp)]


def is_extension(module: str) -> bool:
    """Return whether `module` belongs to an app listed in `settings.EXTENSIONS`."""
    return any(module == name or module.startswith(f"{name}.") for name in settings.EXTENSIONS)


def own_apps() -> list[PomeloApp]:
    """Return Pomelo's own apps, which the committed pages of docs/ cover."""
    return [config for config in pomelo_apps() if not is_extension(config.name)]


def app_of(module: str) -> PomeloApp | None:
    """Return the PomeloApp that `module` belongs to, or None."""
    found = apps.get_containing_app_config(module)
    return found if isinstance(found, PomeloApp) else None


def list_resources() -> list[Resource]:
    """Return all resources, in the order of the tags."""
    return sorted(
        (resource for config in pomelo_apps() for resource in config.resources),
        key=lambda found: found.position,
    )


def menu_of(section: Section) -> list[MenuEntry]:
    """Return the entries of a sidebar section, in order."""
    found = [entry for config in pomelo_apps() for entry in config.menu if entry.section == section]
    return sorted(found, key=lambda entry: entry.position)


def name_of_page(path: str) -> str:
    """Return what people call the page at `path`: the label of its menu entry, and what stands below that: "Messages: Suppressions".

    A page below no entry is called by its path.
    """
    entries = [entry for config in pomelo_apps() for entry in config.menu if path.startswith(entry.path)]
    if not entries:
        return path
    entry = max(entries, key=lambda found: len(found.path))
    below = [part.replace("_", " ").capitalize() for part in path.removeprefix(entry.path).split("/") if part]
    return ": ".join([entry.label, *below])


RESOURCES: Mapping[str, Resource] = Registered(lambda: {found.name: found for found in list_resources()})
# ID prefixes by the last part of the collection's path, by reference name, and by object type.
ID_PREFIXES: Mapping[str, str] = Registered(
    lambda: {found.name: found.prefix for found in list_resources() if found.prefix}
)
REFERENCES: Mapping[str, str] = Registered(
    lambda: {found.reference_name: found.prefix for found in list_resources() if found.prefix}
)
OBJECT_PREFIXES: Mapping[str, str] = Registered(
    lambda: {found.object: found.prefix for found in list_resources() if found.prefix}
)
