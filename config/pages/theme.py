"""The theme (light, dark or system), stored in a cookie so that the server can render it without a flash."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from config.pages.context import THEME_COOKIE, THEMES

ONE_YEAR_SECONDS = 365 * 86_400


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Store the posted `theme`. Other values are ignored."""
    following = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(following, allowed_hosts=None):
        following = "/"
    response = HttpResponseRedirect(following)
    theme = request.POST.get("theme")
    if theme in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            theme,
            max_age=ONE_YEAR_SECONDS,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    return response
