"""Which pages the documentation has, and in which order they are read."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from core.api import error_docs

FOLDER = Path(settings.BASE_DIR) / "docs"
FIRST = "quickstart"
# Sections of the side list, in reading order. A file that is not named here still shows, under "More".
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
# What the files call the installation.
EXAMPLE_URL = "https://pomelo.example.com"
HIDDEN_FOLDERS = frozenset({"adr"})
_COMMENT = re.compile(r"^<!--.*?-->$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Document:
    """One page: its address below /docs/, its title and its file."""

    slug: str
    title: str
    path: Path

    @property
    def is_for_operators(self) -> bool:
        """Whether it is about running Pomelo, and not about calling it."""
        return self.slug in _OPERATE or self.slug.startswith(RUNBOOKS)

    @property
    def folder(self) -> str:
        """The folder that links of the page are written from, below `docs/`."""
        return self.path.parent.relative_to(FOLDER).as_posix()

    @property
    def text(self) -> str:
        """The page as Markdown, without the comments for those who edit the file, and with the address of this installation.

        The errors of apps from elsewhere are on no committed page: theirs is written when it is read.
        """
        if self.slug == "errors" and settings.EXTENSIONS:
            return without_comments(error_docs.render(with_extensions=True))
        return _read(self.path, self.path.stat().st_mtime_ns).replace(EXAMPLE_URL, settings.PUBLIC_URL)


def all_documents() -> list[Document]:
    """Return every page, by slug: `docs/x.md` is x, `docs/runbooks/y.md` is runbooks-y."""
    found = []
    for path in sorted(FOLDER.rglob("*.md")):
        parts = path.relative_to(FOLDER).with_suffix("").parts
        if parts[0] not in HIDDEN_FOLDERS:
            found.append(Document("-".join(parts), _title(path, path.stat().st_mtime_ns), path))
    return found


def find_document(slug: str) -> Document | None:
    """Return the page at /docs/<slug>/."""
    return next((one for one in all_documents() if one.slug == slug), None)


def sections() -> list[tuple[str, list[Document]]]:
    """Return the side list: the known sections in reading order, then the runbooks, then whatever else there is."""
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
    """Return the first heading of a file, or its name."""
    match = re.search(r"^# +(.+)$", path.read_text(), re.MULTILINE)
    return match[1].replace("`", "") if match else path.stem.replace("-", " ").capitalize()
