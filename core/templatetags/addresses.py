"""`{% url %}` of every template, looked up once for each view instead of for each row (settings: TEMPLATES, `builtins`).

Django tries the patterns anew for every address: on a page with a list that took a tenth of its time. What has several
arguments, arguments by name, or an argument that is no plain word is left to Django.
"""

import re
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.template.base import Parser, Token
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as parse
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

# As an identifier is. Quoting and escaping leave it as it is.
_WORD = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_ANY_WORD = "Any_word_0"


class QuickURLNode(URLNode):
    """An address that is made of what stands before its one argument and what stands behind it."""

    def render(self, context: template.Context) -> str:
        """Return the address. Raises NoReverseMatch."""
        if self.asvar or self.kwargs or len(self.args) > 1 or not context.autoescape:
            return str(super().render(context))
        name, words = self.view_name.resolve(context), [one.resolve(context) for one in self.args]
        if all(type(word) is str and _WORD.fullmatch(word) for word in words):
            parts = _parts(name, len(words), _current_app(context), _where())
            if parts is not None:
                return mark_safe(words[0].join(parts) if words else parts[0])  # noqa: S308 - escaped below, and a plain word
        return str(super().render(context))


@register.tag
def url(parser: Parser, token: Token) -> URLNode:
    """Django's own tag, with a node that remembers."""
    found: URLNode = parse(parser, token)
    return QuickURLNode(found.view_name, found.args, found.kwargs, found.asvar)


def _current_app(context: Any) -> str | None:
    """Return what Django's node asks with."""
    request = getattr(context, "request", None)
    match = getattr(request, "resolver_match", None)
    found: str | None = getattr(request, "current_app", getattr(match, "namespace", None))
    return found


def _where() -> tuple[str, str]:
    """Return which addresses there are, and below which path: both may change while a process runs, as tests do it."""
    return get_urlconf() or settings.ROOT_URLCONF, get_script_prefix()


@lru_cache(maxsize=1024)
def _parts(name: str, words: int, current_app: str | None, where: tuple[str, str]) -> list[SafeString] | None:
    """Return the escaped address of a view around its one argument, if it takes any word there; None leaves it to Django."""
    try:
        address = reverse(name, args=[_ANY_WORD] * words, current_app=current_app)
    except NoReverseMatch:
        return None
    parts = [conditional_escape(part) for part in address.split(_ANY_WORD)]
    return parts if len(parts) == words + 1 else None
