"""The template context of every page: the shell (company, mode, role) and the theme."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, get_args

from django.conf import settings
from django.http import HttpRequest

from accounts.access import CompanyRequest, enter, entered, second_factor_due
from accounts.dashboard.saved_filters import offered_filters
from accounts.models import User
from accounts.selectors import memberships_of
from core.resources import MenuEntry, Section, menu_of

THEME_COOKIE = "theme"
THEMES = ("light", "dark", "system")
ALLAUTH_PREFIX = "/accounts/"


@dataclass(frozen=True, slots=True)
class MenuSection:
    """A section of the side bar with its links."""

    name: Section
    entries: tuple[MenuEntry, ...]

    @property
    def title(self) -> str:
        """The heading above the links."""
        return self.name.capitalize()


@lru_cache(maxsize=1)
def menu() -> tuple[MenuSection, ...]:
    """Return the sidebar's sections with the links of every installed app."""
    return tuple(MenuSection(name, tuple(menu_of(name))) for name in get_args(Section))


def shell(request: HttpRequest) -> dict[str, Any]:
    """Provide templates with `shell` (None outside a company), `theme` (light, dark or system) and `mail_goes_to_files`."""
    inside = entered(request) or _at_home(request)
    theme = request.COOKIES.get(THEME_COOKIE, "system")
    return {
        "theme": theme if theme in THEMES else "system",
        "mail_goes_to_files": settings.EMAIL_BACKEND.endswith("filebased.EmailBackend"),
        "shell": inside
        and {
            "company": inside.membership.company,
            "companies": [one.company for one in inside.memberships],
            "mode": inside.mode,
            "role": inside.membership.role,
            "is_named_in_url": request.method == "GET" and getattr(request, "is_company_page", False),
            "menu": menu(),
            "second_factor_due": second_factor_due(inside.membership),
            # A function: only pages with a list ask for it.
            "saved_filters": partial(offered_filters, inside),
        },
    }


def _at_home(request: HttpRequest) -> CompanyRequest | None:
    """Enter the company of a user on allauth's pages, so that changing a password stays inside the shell."""
    user = getattr(request, "user", None)
    if not (request.path.startswith(ALLAUTH_PREFIX) and isinstance(user, User)):
        return None
    memberships = memberships_of(user)
    return enter(request, memberships) if memberships else None
