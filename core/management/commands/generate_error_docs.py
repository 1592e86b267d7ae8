"""`manage.py generate_error_docs`: write docs/errors.md from the error classes."""

from pathlib import Path

from core.api import error_docs
from core.management.documents import DocumentCommand


class Command(DocumentCommand):
    help = "Write docs/errors.md from the error classes; with --check, fail when it is not up to date."

    def generate(self) -> tuple[Path, str]:
        """Return the page."""
        return error_docs.PATH, error_docs.render()
