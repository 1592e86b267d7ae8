"""`manage.py generate_openapi`: write docs/openapi.json from the endpoints."""

from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from drf_spectacular.validation import validate_schema

from core.api import document


class Command(BaseCommand):
    help = "Write docs/openapi.json from the endpoints; with --check, fail when it is not up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --check."""
        parser.add_argument(
            "--check", action="store_true", help="write nothing, fail when the document is stale"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the document, or check it. Raises CommandError if it is stale or would include extensions."""
        if settings.EXTENSIONS:
            raise CommandError(
                "docs/openapi.json describes Pomelo alone: run this without EXTENSIONS. What the extensions add is in the "
                "document that /v1/openapi.json serves."
            )
        try:
            content = document.generate()
            # Validated only here, because it takes longer than generating the document, which servers with extensions do at runtime.
            validate_schema(orjson.loads(content))
        except document.IncompleteDescription as error:
            raise CommandError(str(error)) from error
        if options["check"]:
            if not document.PATH.exists() or document.PATH.read_bytes() != content:
                raise CommandError("docs/openapi.json is stale: run `make docs`.")
            return
        document.PATH.parent.mkdir(exist_ok=True)
        document.PATH.write_bytes(content)
        self.stdout.write("docs/openapi.json written.")
