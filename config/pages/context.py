"""The template context of every page: the shell (company, mode, role) and the theme."""

from typing import Any

from django.http import HttpRequest

from accounts.access import entered

THEME_COOKIE = "theme"
THEMES = ("light", "dark", "system")


def shell(request: HttpRequest) -> dict[str, Any]:
    """Give templates `shell` (None outside of a company) and `theme` (light, dark or system)."""
    inside = entered(request)
    theme = request.COOKIES.get(THEME_COOKIE, "system")
    return {
        "theme": theme if theme in THEMES else "system",
        "shell": inside
        and {
            "company": inside.membership.company,
            "companies": [one.company for one in inside.memberships],
            "mode": inside.mode,
            "role": inside.membership.role,
        },
    }
