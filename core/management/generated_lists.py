"""The base of commands that write lists into a page of docs/ which is otherwise written by hand."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.core.management.base import CommandError

from core.management.documents import DocumentCommand


class ListsCommand(DocumentCommand):
    """Writes, or with --check compares, what `page` has between the two comments of each list."""

    page: ClassVar[str]
    # The name of each list, and what returns it as Markdown.
    lists: ClassVar[Mapping[str, Callable[[], str]]]

    def generate(self) -> tuple[Path, str]:
        """Return the page with its lists as they should be; raises CommandError where one has no place."""
        path = Path(settings.BASE_DIR) / "docs" / self.page
        text = path.read_text()
        for name, written in self.lists.items():
            begin, end = f"<!-- {name}: written by `make docs` -->\n", f"<!-- end of {name} -->"
            before, found, rest = text.partition(begin)
            _, ended, after = rest.partition(end)
            if not (found and ended):
                raise CommandError(f"docs/{self.page} has no place for {name}.")
            text = f"{before}{begin}{written()}{end}{after}"
        return path, text
