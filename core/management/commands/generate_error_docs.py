"""`manage.py generate_error_docs`: write docs/errors.md from the error classes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.api import error_docs


class Command(BaseCommand):
    help = "Write docs/errors.md from the error classes; with --check, fail when it is not up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --check."""
        parser.add_argument("--check", action="store_true", help="write nothing, fail when the page is stale")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the page, or check it."""
        text = error_docs.render()
        if options["check"]:
            if not error_docs.PATH.exists() or error_docs.PATH.read_text() != text:
                raise CommandError("docs/errors.md is stale: run `make docs`.")
            return
        error_docs.PATH.parent.mkdir(exist_ok=True)
        error_docs.PATH.write_text(text)
        self.stdout.write(f"{error_docs.PATH.relative_to(error_docs.PATH.parent.parent)} written.")
