"""The documentation's pages and their order in the sidebar."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from core.api import error_docs

FOLDER = Path(settings.BASE_DIR) / "docs"
FIRST = "quickstart"
# The sidebar's sections, in reading order. Files that are not listed here appear under "More".
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Start", ("quickstart", "concepts", "authentication", "keys")),
    (
        "Build",
        (
            "rate-limits",
            "idempotency",
            "errors",
            "webhooks",
            "local-development",
            "billing",
            "messaging",
            "templates",
        ),
    ),
    ("Change", ("versions", "api-changelog")),
    ("Trust", ("security", "audit", "reliability", "performance")),
    ("Operate", ("scaling",)),
)
_OPERATE = dict(SECTIONS)["Operate"]
RUNBOOKS = "runbooks-"
# The placeholder for PUBLIC_URL in the files.
EXAMPLE_URL = "https://pomelo.example.com"
# For whoever changes Pomelo, not for its users: a folder and a page.
HIDDEN = frozenset({"adr", "wording"})
_COMMENT = re.compile(r"^<!--.*?-->$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Document:
    """One page: its slug below /docs/, its title and its file."""

    slug: str
    title: str
    path: Path

    @property
    def is_for_operators(self) -> bool:
        """Whether the page is about operating Pomelo rather than calling its API."""
        return self.slug in _OPERATE or self.slug.startswith(RUNBOOKS)

    @property
    def folder(self) -> str:
        """The folder that the page's relative links start from, relative to `docs/`."""
        return self.path.parent.relative_to(FOLDER).as_posix()

    @property
    def text(self) -> str:
        """The page as Markdown, without HTML comments, and with this installation's URL.

        The committed error reference does not cover extensions, so it is rendered on demand if any are installed.
        """
        if self.slug == "errors" and settings.EXTENSIONS:
            return without_comments(error_docs.render(with_extensions=True))
        return _read(self.path, self.path.stat().st_mtime_ns).replace(EXAMPLE_URL, settings.PUBLIC_URL)


def all_documents() -> list[Document]:
    """Return all pages. The slug of `docs/x.md` is x, that of `docs/runbooks/y.md` runbooks-y."""
    found = []
    for path in sorted(FOLDER.rglob("*.md")):
        parts = path.relative_to(FOLDER).with_suffix("").parts
        if parts[0] not in HIDDEN:
            found.append(Document("-".join(parts), _title(path, path.stat().st_mtime_ns), path))
    return found


def find_document(slug: str) -> Document | None:
    """Return the page at /docs/<slug>/."""
    return next((one for one in all_documents() if one.slug == slug), None)


def sections() -> list[tuple[str, list[Document]]]:
    """Return the sidebar: SECTIONS in reading order, then the runbooks, then all other pages."""
    rest = {document.slug: document for document in all_documents()}
    listed = [(name, [rest.pop(slug) for slug in slugs if slug in rest]) for name, slugs in SECTIONS]
    runbooks = [rest.pop(slug) for slug in sorted(rest) if slug.startswith(RUNBOOKS)]
    listed += [("Runbooks", runbooks), ("More", list(rest.values()))]
    return [(name, documents) for name, documents in listed if documents]


def without_comments(text: str) -> str:
    """Return Markdown without its HTML comments."""
    return _COMMENT.sub("", text)


@lru_cache(maxsize=128)
def _read(path: Path, changed: int) -> str:
    return without_comments(path.read_text())


@lru_cache(maxsize=128)
def _title(path: Path, changed: int) -> str:
    """Return the first heading of a file, or its name if it has none."""
    match = re.search(r"^# +(.+)$", path.read_text(), re.MULTILINE)
    return match[1].replace("`", "") if match else path.stem.replace("-", " ").capitalize()
