"""`manage.py check_api_changes`: fail if the API document breaks clients of the released one without a new version."""

from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.api import document, versions
from core.api.compatibility import breaking_changes, contract_of

RELEASED = document.PATH.parent / "released"


class Command(BaseCommand):
    help = "Compare docs/openapi.json with what was released of the newest version; with --record, keep it as released."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --record."""
        parser.add_argument(
            "--record",
            action="store_true",
            help="at a release: what the document promises is kept from now on",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare or record. Raises CommandError for a breaking change without a new version."""
        current = orjson.loads(document.PATH.read_bytes())
        date = versions.newest().date
        own = RELEASED / f"{date}.json"
        if options["record"]:
            RELEASED.mkdir(exist_ok=True)
            own.write_bytes(orjson.dumps(contract_of(current), option=orjson.OPT_SORT_KEYS) + b"\n")
            self.stdout.write(f"{own.relative_to(settings.BASE_DIR)} written.")
            return
        last = max(RELEASED.glob("*.json"), default=None, key=lambda path: path.stem)
        if last is None:
            raise CommandError("Nothing is recorded as released: run `manage.py check_api_changes --record`.")
        found = breaking_changes(orjson.loads(last.read_bytes()), current)
        if own == last and found:
            raise CommandError(
                f"docs/openapi.json breaks clients of the released version {date}:\n  "
                + "\n  ".join(found)
                + "\nKeep what clients rely on, or add a version (docs/versions.md, Adding a version)."
            )
        for line in found:
            self.stdout.write(f"{date} breaks with {last.stem}: {line}")
