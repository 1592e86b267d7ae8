"""The template context of every page: the shell (company, mode, role) and the theme."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.access import entered

THEME_COOKIE = "theme"
THEMES = ("light", "dark", "system")


def shell(request: HttpRequest) -> dict[str, Any]:
    """Give templates `shell` (None outside of a company), `theme` (light, dark or system) and `mail_goes_to_files`."""
    inside = entered(request)
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
        },
    }
