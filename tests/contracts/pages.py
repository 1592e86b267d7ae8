"""Every page of the dashboard, read off the URL configuration: a new page is found by itself."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

from accounts.roles import Role
from core.tenancy import Tenant

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
# Parameters that choose among a few words, with one of them; every other one is the identifier of an object.
WORDS = {"kind": "csv", "stream": "entries"}
# Pages that no company stands behind, and why.
WITHOUT_COMPANY = {
    "theme/": "remembers light or dark in a cookie",
    "companies/new/": "there is no company yet",
    "companies/switch/": "chooses among the person's own memberships",
    "mode/": "remembers live or test in the session",
    "invitations/<str:token>/": "the token says which company; accepting needs the invited address",
    "profile/": "the person's own",
    "profile/devices/end/": "the person's own",
    "second-factor/": "the person's own: what their company waits for before it lets them in",
    "found-key/": "for anybody who has found a secret",
    "found-key/thanks/": "says the same to everybody",
    "found-key/report": "for programs that have found a secret",
    "i/<str:token>": "for whoever has the link: its secret says which",
    "i/<str:token>/pay": "for whoever has the link: its secret says which",
    "i/<str:token>/pdf": "for whoever has the link: its secret says which",
    "u/<str:token>": "for whoever got bulk mail: the signed link says which",
    "llms.txt": "the documentation's contents, for anybody",
    ".well-known/security.txt": "for anybody (RFC 9116)",
    "healthz": "probe",
    "readyz": "probe",
    "metrics": "probe",
}
# Pages whose methods have a guard each, with the least role of the weakest.
GUARDED_BY_METHOD = {"settings/": Role.VIEWER}
# Somebody else's views: their own tests hold them.
FOREIGN_PREFIXES = ("staff/", "accounts/", "v1/", "docs/", "callbacks/", "__")


@dataclass(frozen=True, slots=True)
class Page:
    """One URL of the dashboard and the least role that may open it."""

    route: str
    least_role: str

    @property
    def parameters(self) -> list[str]:
        """The names of the identifiers in the path."""
        return [name for name in _PARAMETER.findall(self.route) if name not in WORDS]

    def path(self, public_id: str = "") -> str:
        """Return the path with `public_id` in the place of its identifier."""
        return "/" + _PARAMETER.sub(lambda found: WORDS.get(found[1], public_id), self.route)


def _walk(patterns: list[URLPattern | URLResolver], prefix: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for pattern in patterns:
        route = prefix + str(pattern.pattern).removeprefix("^")
        if route.startswith(FOREIGN_PREFIXES):
            continue
        if isinstance(pattern, URLResolver):
            found += _walk(pattern.url_patterns, route)
        else:
            found.append((route, pattern.callback))
    return found


def list_pages() -> list[Page]:
    """Return every page that belongs to a company."""
    return [
        Page(route, str(getattr(view, "least_role", GUARDED_BY_METHOD.get(route))))
        for route, view in _walk(get_resolver().url_patterns)
        if hasattr(view, "least_role") or route in GUARDED_BY_METHOD
    ]


def unguarded_routes() -> list[str]:
    """Return every route of the dashboard that has no guard and no reason to have none."""
    return [
        route
        for route, view in _walk(get_resolver().url_patterns)
        if not hasattr(view, "least_role") and route not in {*WITHOUT_COMPANY, *GUARDED_BY_METHOD}
    ]


def sample_page_id(page: Page, tenant: Tenant) -> str:
    """Make an object of `tenant` that the path of `page` can name, and return its public id."""
    return sample_of(page)(tenant)


def sample_of(page: Page) -> Callable[[Tenant], str]:
    """Return what makes an object that the path of `page` can name, and returns its public id."""
    from tests.contracts.samples import OBJECTS, PAGE_OBJECTS

    for prefix, make in PAGE_OBJECTS.items():
        if page.route.startswith(prefix):
            return make
    resource = page.route.partition("/")[0]
    if resource in OBJECTS:
        return OBJECTS[resource]
    raise AssertionError(
        f"/{page.route} needs an object: add its prefix to PAGE_OBJECTS of its app's samples (tests.contracts.by_app)"
    )
