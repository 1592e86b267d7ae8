"""The style sheet and the script of every page, each one file made of many, and how they are named, compressed and served.

A page asks for one style sheet and one script instead of twenty. In production `collectstatic` names every file by its content
and compresses it beforehand (whitenoise). That takes a minute or more for the API viewers and the staff site, too long for
`make run`, which does it for the files that every page of the dashboard needs and serves the others from where they lie.
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
# In the order in which they are read: `tokens` names the layers.
BUNDLES = {
    "pomelo/pomelo.css": [
        f"pomelo/css/{name}.css"
        for name in (
            "tokens", "base", "layout", "entrance", "buttons", "cards", "controls", "find", "code", "forms", "tables",
            "charts", "timelines", "pages",
        )
    ],
    "pomelo/pomelo.js": [f"pomelo/js/{name}.js" for name in ("menu", "copy", "samples", "print", "dialog", "forms", "find", "charts", "lists", "events", "run")],
}  # fmt: skip
# What pages of the dashboard ask for: collected by `make run`.
NEEDED_BY_PAGES = (
    *BUNDLES,
    "pomelo/js/theme.js",
    "pomelo/img/icons.svg",
    "pomelo/img/mark.svg",
    "django_htmx/htmx-2.min.js",
)


class BundleFinder(finders.BaseFinder):
    """Finds the bundles, written anew whenever one of their sources has changed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.storage = FileSystemStorage(location=settings.DATA_DIR / "bundles")

    def check(self, **kwargs: Any) -> list[Any]:
        """There is nothing in the settings that could be wrong."""
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Return the file of the bundle `path`, or an empty list."""
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
    """Join the sources of a bundle, unless that was done since they last changed; return its file."""
    target = settings.DATA_DIR / "bundles" / name
    sources = [SOURCES / source for source in BUNDLES[name]]
    newest = max(source.stat().st_mtime_ns for source in (*sources, Path(__file__)))
    if target.exists() and target.stat().st_mtime_ns >= newest:
        return Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Moved into its place as a whole: another process may be reading it.
    handle, made = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(source.read_text(encoding="utf-8") for source in sources))
    Path(made).chmod(0o644)
    Path(made).replace(target)
    return Path(target)


class OwnFilesStorage(CompressedManifestStaticFilesStorage):
    """For `make run`: the names that carry their content's hash where files were collected, plain names elsewhere."""

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """Return the name under which the file is served."""
        return str(self.hashed_files.get(self.hash_key(self.clean_name(name)), name))


def collect_own_files() -> None:
    """Name the files of the dashboard's pages by their content and compress them, for `OwnFilesStorage`.

    Nothing is collected where files are served from where they lie (no STATIC_ROOT).
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
