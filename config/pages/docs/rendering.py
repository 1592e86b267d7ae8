"""Renders Markdown as HTML for the site: anchors, links between pages, copyable code and a table of contents."""

import re
from dataclasses import dataclass
from functools import lru_cache
from posixpath import normpath
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

from config.pages.docs.documents import HIDDEN
from config.pages.docs.fences import merge_fences, render_fence


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading below the title, and its anchor."""

    level: int
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page as HTML, and its second- and third-level headings."""

    html: SafeString
    headings: tuple[Heading, ...]


@lru_cache(maxsize=128)
def render(text: str, folder: str = ".") -> Rendered:
    """Render Markdown, with raw HTML escaped. Relative links start from `folder`."""
    environment: dict[str, Any] = {"folder": folder, "headings": [], "samples": 0}
    html = _markdown().render(text, environment)
    return Rendered(mark_safe(html), tuple(environment["headings"]))  # noqa: S308 - our own files, raw HTML is disabled


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.use(anchors_plugin, max_level=3, slug_func=anchor_of)
    markdown.core.ruler.push("pomelo", _adapt)
    markdown.add_render_rule("fence", render_fence)
    return markdown


def anchor_of(text: str) -> str:
    """Return the anchor of a heading. Error codes keep their underscores, so that `/docs/errors#not_found` works."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")


def _adapt(state: Any) -> None:
    """Adapt the tokens to the site: no style attributes (CSP), focusable scroll areas, .md links rewritten to pages."""
    tokens: list[Token] = merge_fences(state.tokens)
    state.tokens = tokens
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if "style" in token.attrs:
            alignment = str(token.attrs.pop("style")).removeprefix("text-align:")
            token.attrs["class"] = "num" if alignment == "right" else ""
        if token.type in ("code_block", "table_open"):
            token.attrs["tabindex"] = "0"
        if token.type == "heading_open" and token.tag in ("h2", "h3") and following is not None:
            text = "".join(child.content for child in following.children or ())
            state.env["headings"].append(Heading(int(token.tag[1]), str(token.attrs["id"]), text))
        for child in token.children or ():
            match = re.fullmatch(r"(?!\w+:)([\w./-]+)\.md(#.*)?", str(child.attrs.get("href", "")))
            if match:
                page = normpath(f"{state.env['folder']}/{match[1]}")
                if page.startswith(("../", *HIDDEN)):
                    del child.attrs["href"]  # a file in the repository without a page
                else:
                    child.attrs["href"] = f"/docs/{page.replace('/', '-')}/{match[2] or ''}"
