"""What an app adds to Pomelo, said in one place: its AppConfig. The contract is docs/extending.md.

An app subclasses `PomeloApp` and names its routes, pages, resources, scopes and menu entries. Everything else reads them from
here: the URL configuration, the create page of keys, the OpenAPI document, the menu, the audit filters, and the suites that
hold every endpoint to the same promises. Pomelo's own apps have no other way, so an app from elsewhere has all of theirs.
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
    """One permission: its name, the resource it is grouped under on the create page, and what it allows.

    `aliases` are further names by which it may be asked for; it is stored under its own.
    """

    name: str
    resource: str
    description: str
    writes: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of object.

    `name` is the last part of its collection's path (`customers`) and the tag of its operations in the OpenAPI document,
    which shows `description`; one that lies below another's path (`refunds`) needs none. `object` is what its objects call
    themselves and the first part of its events (`customer.created`). `prefix` begins its identifiers, if it has any.
    `reference` is the name of a field or filter that refers to it (by default `object`); `label` is its name on pages.
    `position` orders the tags. Objects that `are_pruned` are dropped after a while, so that nothing can refer to them.
    `read_scope` is the scope that reads its objects wherever they appear, in events and deliveries too (by default
    `<name>:read`). `payload` is the path of the serializer that describes the objects in events, where that is not the one named after
    the object whose endpoint answers it.
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
        """What pages call the collection: `Webhook endpoints`."""
        return self.label or self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A link in the side bar: where it stands, what it says, where it leads, and the name of its icon."""

    section: Section
    label: str
    path: str
    icon: str = "box"
    position: int = 50


class PomeloApp(AppConfig):
    """Base of an app's AppConfig: what it adds. An attribute that is left out adds nothing.

    `api_urls` names the URLconf mounted under /v1, `examples` the module of its examples (core.api.examples), `page_urls` the one of
    its pages, mounted under `page_prefix`. `audit_labels` names groups of audit actions that no resource stands for
    (`member` → "Team"). `traces` are paths of what keys make that outlives them (core.security.made_by), `finders` paths of functions that
    look up what somebody pastes into "Find anything", `namers` of those that say what objects are called and where their pages are
    (both core.ui.finding). Its `events.py` is loaded by itself.
    """

    default = False  # of a module that imports it; each subclass is again what Django looks for
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
        """Be found by Django, which takes the one AppConfig of a module whose `default` is not False."""
        super().__init_subclass__(**kwargs)
        if "default" not in cls.__dict__:
            cls.default = True


class Registered(Mapping[str, T]):
    """A mapping read off the installed apps when it is first looked at, in their order; raises AppRegistryNotReady before."""

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
    """Return the installed apps that add something to Pomelo, in the order of INSTALLED_APPS."""
    return [config for config in apps.get_app_configs() if isinstance(config, PomeloApp)]


def is_extension(module: str) -> bool:
    """Return whether `module` belongs to an app that `settings.EXTENSIONS` added to Pomelo's own."""
    return any(module == name or module.startswith(f"{name}.") for name in settings.EXTENSIONS)


def own_apps() -> list[PomeloApp]:
    """Return Pomelo's own apps: those that the committed pages of docs/ describe."""
    return [config for config in pomelo_apps() if not is_extension(config.name)]


def app_of(module: str) -> PomeloApp | None:
    """Return the app that adds something to Pomelo and to which `module` belongs, or None."""
    found = apps.get_containing_app_config(module)
    return found if isinstance(found, PomeloApp) else None


def list_resources() -> list[Resource]:
    """Return every resource, in the order of the tags."""
    return sorted(
        (resource for config in pomelo_apps() for resource in config.resources),
        key=lambda found: found.position,
    )


def menu_of(section: Section) -> list[MenuEntry]:
    """Return the entries of one section of the side bar, in their order."""
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
# The prefix of identifiers by the last part of their collection's path, by how fields refer to the object, by what it calls itself.
ID_PREFIXES: Mapping[str, str] = Registered(
    lambda: {found.name: found.prefix for found in list_resources() if found.prefix}
)
REFERENCES: Mapping[str, str] = Registered(
    lambda: {found.reference_name: found.prefix for found in list_resources() if found.prefix}
)
OBJECT_PREFIXES: Mapping[str, str] = Registered(
    lambda: {found.object: found.prefix for found in list_resources() if found.prefix}
)
