"""The documentation at /docs/: the Markdown files of `docs/`, as pages. Anybody may read them, signed in or not."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from posixpath import normpath

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

from accounts.access import enter
from accounts.models import User
from accounts.selectors import memberships_of
from core import error_docs

FOLDER = Path(settings.BASE_DIR) / "docs"
FIRST = "quickstart"
# Sections of the side list, in reading order. A file that is not named here still shows, under "More".
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Start", ("quickstart", "concepts", "authentication", "keys")),
    (
        "Build",
        ("rate-limits", "idempotency", "errors", "webhooks", "local-development", "billing", "messaging"),
    ),
    ("Change", ("versions", "api-changelog")),
    ("Trust", ("security", "audit", "reliability", "performance")),
    ("Operate", ("scaling",)),
)
HIDDEN_FOLDERS = frozenset({"adr"})
_COMMENT = re.compile(r"^<!--.*?-->$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Document:
    """One page: its address below /docs/, its title and its file."""

    slug: str
    title: str
    path: Path


@require_safe
def docs_index(request: HttpRequest) -> HttpResponse:
    """Lead to the first page."""
    return redirect("pages:doc", slug=FIRST)


@require_safe
def doc_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one page beside the list of all of them."""
    document = next((one for one in all_documents() if one.slug == slug), None)
    if document is None:
        raise Http404
    if isinstance(request.user, User):
        memberships = memberships_of(request.user)
        if memberships:
            enter(request, memberships)
    context = {
        "document": document,
        "body": _body_of(document),
        "sections": sections(),
    }
    return render(request, "pages/doc.html", context)


@require_safe
def verify_audit(request: HttpRequest) -> FileResponse:
    """Hand out the program that checks a proof of the trail without us (docs/audit.md)."""
    file = (FOLDER / "verify_audit.py").open("rb")
    return FileResponse(file, as_attachment=True, content_type="text/x-python; charset=utf-8")


def _body_of(document: Document) -> SafeString:
    """Return the page as HTML. The errors of apps from elsewhere are on no committed page: theirs is written when it is read."""
    if document.slug == "errors" and settings.EXTENSIONS:
        return _html(error_docs.render(with_extensions=True))
    return render_markdown(document.path, document.path.stat().st_mtime_ns)


def all_documents() -> list[Document]:
    """Return every page, by slug: `docs/x.md` is x, `docs/runbooks/y.md` is runbooks-y."""
    found = []
    for path in sorted(FOLDER.rglob("*.md")):
        parts = path.relative_to(FOLDER).with_suffix("").parts
        if parts[0] not in HIDDEN_FOLDERS:
            found.append(Document("-".join(parts), _title(path, path.stat().st_mtime_ns), path))
    return found


def sections() -> list[tuple[str, list[Document]]]:
    """Return the side list: the known sections in reading order, then the runbooks, then whatever else there is."""
    rest = {document.slug: document for document in all_documents()}
    listed = [(name, [rest.pop(slug) for slug in slugs if slug in rest]) for name, slugs in SECTIONS]
    runbooks = [rest.pop(slug) for slug in sorted(rest) if slug.startswith("runbooks-")]
    listed += [("Runbooks", runbooks), ("More", list(rest.values()))]
    return [(name, documents) for name, documents in listed if documents]


@lru_cache(maxsize=128)
def render_markdown(path: Path, changed: int) -> SafeString:
    """Render a file as HTML; raw HTML in it is shown as text, but for comments, which are for those who edit the file.

    `changed` makes a new version a new entry.
    """
    folder = path.parent.relative_to(FOLDER).as_posix() if path.is_relative_to(FOLDER) else "."
    return _html(path.read_text(), folder=folder)


def _html(text: str, *, folder: str = ".") -> SafeString:
    return mark_safe(_markdown().render(_COMMENT.sub("", text), {"folder": folder}))  # noqa: S308 - our own files, raw HTML switched off


@lru_cache(maxsize=128)
def _title(path: Path, changed: int) -> str:
    """Return the first heading of a file, or its name."""
    match = re.search(r"^# +(.+)$", path.read_text(), re.MULTILINE)
    return match[1].replace("`", "") if match else path.stem.replace("-", " ").capitalize()


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.use(anchors_plugin, max_level=3, slug_func=_slug)
    markdown.core.ruler.push("pomelo", _adapt)
    return markdown


def _slug(text: str) -> str:
    """Return the anchor of a heading: error codes keep their underscores, so that `/docs/errors#not_found` works."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")


def _adapt(state: object) -> None:
    """Make the tokens fit the site: no style attributes (CSP), scrollable parts can be focused, .md links lead to pages."""
    tokens: list[Token] = state.tokens  # type: ignore[attr-defined]
    for token in tokens:
        if "style" in token.attrs:
            alignment = str(token.attrs.pop("style")).removeprefix("text-align:")
            token.attrs["class"] = "num" if alignment == "right" else ""
        if token.type in ("fence", "code_block", "table_open"):
            token.attrs["tabindex"] = "0"
        for child in token.children or ():
            match = re.fullmatch(r"(?!\w+:)([\w./-]+)\.md(#.*)?", str(child.attrs.get("href", "")))
            if match:
                page = normpath(f"{state.env['folder']}/{match[1]}")  # type: ignore[attr-defined]
                if page.startswith(("../", *HIDDEN_FOLDERS)):
                    del child.attrs["href"]  # a file of the repository that is no page
                else:
                    child.attrs["href"] = f"/docs/{page.replace('/', '-')}/{match[2] or ''}"
