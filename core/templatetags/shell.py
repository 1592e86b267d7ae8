"""Template tags of what stands around every page, loaded with `{% load ui %}`: made once where it says the same each time.

The side bar stands in a page twice, for wide and for narrow windows, and its links differ only in which one is marked.
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
    """The links of the side bar (`components/menu_links.html`); `prefix` keeps their ids apart from those of the other bar.

    They know nothing of a person or company, so each of their states is made once in a process.
    """
    menu = context["shell"]["menu"]
    return made_links(menu, prefix, _place(menu, context["request"].path))


def _place(menu: Sequence[Any], here: str) -> str:
    """Return what the links are told apart by: the page of one of them, or that the page is somewhere below it."""
    paths = [entry.path for section in menu for entry in section.entries]
    above = max((path for path in (*paths, DOCUMENTATION) if here.startswith(path)), key=len, default="")
    return here if here in (above, OVERVIEW) else f"{above or OVERVIEW}…"


@lru_cache(maxsize=256)
def made_links(menu: Sequence[Any], prefix: str, place: str) -> SafeString:
    """Return the links as they are at one place of the menu."""
    context = {"menu": menu, "nav_prefix": prefix, "request": _Place(place)}
    return render_to_string("components/menu_links.html", context)


class _Place:
    """As much of a request as `nav_link` asks for."""

    def __init__(self, path: str) -> None:
        self.path = path


@register.simple_tag(takes_context=True)
def twice(context: template.Context, name: str) -> SafeString:
    """`{% twice "components/theme_menu.html" %}`: includes what stands in a page several times, and renders it once."""
    # Of this page: the context processor begins a new one.
    made: Any = context.get("made_parts", {})
    if name not in made:
        assert context.template is not None
        made[name] = context.template.engine.get_template(name).render(context)
    found: SafeString = made[name]
    return found
