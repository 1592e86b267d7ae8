"""The base of commands that write a generated document below docs/."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class DocumentCommand(BaseCommand):
    """Writes what `generate` returns; with --check, fails if the document is not up to date."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --check."""
        parser.add_argument(
            "--check", action="store_true", help="write nothing, fail when the document is stale"
        )

    def generate(self) -> tuple[Path, str]:
        """Return the path of the document, and its text as it should be."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the document, or check it. Raises CommandError if it is stale."""
        path, text = self.generate()
        name = f"docs/{path.name}"
        if options["check"]:
            if not path.exists() or path.read_text() != text:
                raise CommandError(f"{name} is stale: run `make docs`.")
            return
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        self.stdout.write(f"{name} written.")
