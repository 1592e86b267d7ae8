"""Bundles the stylesheets and scripts of all pages, and controls how static files are named, compressed and served.

A page requests one stylesheet and one script instead of twenty. In production `collectstatic` gives every file a hashed name and
compresses it ahead of time (whitenoise). That takes a minute or more for the API viewers and the staff site, which is too long
for `make run`: it only collects the files that every dashboard page needs, and serves the others from their source folders.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

SOURCES = Path(__file__).resolve().parent.parent / "static"
# In load order: `tokens` declares the cascade layers.
BUNDLES = {
    "pomelo/pomelo.css": [
        f"pomelo/css/{name}.css"
        for name in (
            "tokens", "base", "shell", "layout", "entrance", "buttons", "cards", "controls", "find", "code", "forms",
            "tables", "facts", "charts", "timelines", "pages",
        )
    ],
    "pomelo/pomelo.js": [f"pomelo/js/{name}.js" for name in ("menu", "copy", "samples", "print", "dialog", "forms", "secrets", "find", "charts", "lists", "events", "run", "place")],
    "pomelo/staff.js": [f"pomelo/js/{name}.js" for name in ("secrets", "staff")],
}  # fmt: skip
# The files of the dashboard's pages, which `make run` collects.
NEEDED_BY_PAGES = (
    "pomelo/pomelo.css",
    "pomelo/pomelo.js",
    "pomelo/js/theme.js",
    "pomelo/img/icons.svg",
    "pomelo/img/mark.svg",
    "django_htmx/htmx-2.min.js",
)


class BundleFinder(finders.BaseFinder):
    """Finds the bundles, rebuilding them when a source file has changed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.storage = FileSystemStorage(location=settings.DATA_DIR / "bundles")

    def check(self, **kwargs: Any) -> list[Any]:
        """Return no messages: the finder has no settings."""
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Return the path of the bundle, or an empty list if there is no such bundle."""
        if path not in BUNDLES:
            return []
        found = str(write_bundle(path))
        return [found] if find_all else found

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, FileSystemStorage]]:
        """Yield every bundle."""
        for path in BUNDLES:
            write_bundle(path)
            yield path, self.storage


def write_bundle(name: str) -> Path:
    """Build a bundle if its sources have changed, and return its path."""
    target = settings.DATA_DIR / "bundles" / name
    sources = [SOURCES / source for source in BUNDLES[name]]
    newest = max(source.stat().st_mtime_ns for source in (*sources, Path(__file__)))
    if target.exists() and target.stat().st_mtime_ns >= newest:
        return Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Replaced atomically, because another process may be reading it.
    handle, made = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(source.read_text(encoding="utf-8") for source in sources))
    Path(made).chmod(0o644)
    Path(made).replace(target)
    return Path(target)


class OwnFilesStorage(CompressedManifestStaticFilesStorage):
    """For `make run`: hashed names for collected files, plain names for all others."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """Return the name that the file is served under."""
        return str(self.hashed_files.get(self.hash_key(self.clean_name(name)), name))


def collect_own_files() -> None:
    """Collect the files of the dashboard's pages with hashed names and compress them, for `OwnFilesStorage`.

    Does nothing without STATIC_ROOT, because files are then served from their source folders.
    """
    if settings.STATIC_ROOT is None:
        return
    collected: dict[str, tuple[Any, str]] = {}
    for name in NEEDED_BY_PAGES:
        source = finders.find(name)
        if source is None:
            raise FileNotFoundError(name)
        staticfiles_storage.delete(name)
        with Path(source).open("rb") as file:
            staticfiles_storage.save(name, file)
        collected[name] = (staticfiles_storage, name)
    for _, _, processed in staticfiles_storage.post_process(collected):  # type: ignore[attr-defined]
        if isinstance(processed, Exception):
            raise processed
