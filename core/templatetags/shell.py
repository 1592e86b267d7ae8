"""Template tags for the shell around every page, loaded with `{% load ui %}`, cached where possible.

A page contains the sidebar twice, for wide and narrow windows, and its links differ only in which one is marked as current.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()

OVERVIEW, DOCUMENTATION = "/", "/docs/"


@register.simple_tag(takes_context=True)
def menu_links(context: Mapping[str, Any], prefix: str) -> SafeString:
    """Render the sidebar links (`components/menu_links.html`); `prefix` distinguishes their ids from those of the other sidebar.

    They do not depend on the user or company, so each state is rendered once per process.
    """
    menu = context["shell"]["menu"]
    return render_menu_links(menu, prefix, _place(menu, context["request"].path))


def _place(menu: Sequence[Any], here: str) -> str:
    """Return the cache key of the links: the path of a link, or a path with … for the pages below it."""
    paths = [entry.path for section in menu for entry in section.entries]
    above = max((path for path in (*paths, DOCUMENTATION) if here.startswith(path)), key=len, default="")
    return here if here in (above, OVERVIEW) else f"{above or OVERVIEW}…"


@lru_cache(maxsize=256)
def render_menu_links(menu: Sequence[Any], prefix: str, place: str) -> SafeString:
    """Render the links for one place in the menu."""
    context = {"menu": menu, "nav_prefix": prefix, "request": _Place(place)}
    return render_to_string("components/menu_links.html", context)


class _Place:
    """The part of a request that `nav_link` uses."""

    def __init__(self, path: str) -> None:
        self.path = path


@register.simple_tag(takes_context=True)
def include_cached(context: template.Context, name: str) -> SafeString:
    """`{% include_cached "components/theme_menu.html" %}`: includes a fragment that a page contains several times, rendering it once."""
    # Per page, because the context processor creates a new one.
    rendered: Any = context.get("rendered_fragments", {})
    if name not in rendered:
        assert context.template is not None
        rendered[name] = context.template.engine.get_template(name).render(context)
    found: SafeString = rendered[name]
    return found
