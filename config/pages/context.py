"""The template context of every page: the shell (company, mode, role) and the theme."""

from typing import Any

from django.http import HttpRequest

THEME_COOKIE = "theme"
THEMES = ("light", "dark", "system")


def shell(request: HttpRequest) -> dict[str, Any]:
    """Give templates `shell` (None outside of a company) and `theme` (light, dark or system)."""
    membership = getattr(request, "membership", None)
    theme = request.COOKIES.get(THEME_COOKIE, "system")
    return {
        "theme": theme if theme in THEMES else "system",
        "shell": membership
        and {
            "company": membership.company,
            "companies": [one.company for one in request.memberships],  # type: ignore[attr-defined]
            "mode": request.mode,  # type: ignore[attr-defined]
            "role": membership.role,
        },
    }
