"""`manage.py generate_openapi`: write docs/openapi.json from the endpoints."""

from pathlib import Path

import orjson
from django.conf import settings
from django.core.management.base import CommandError
from drf_spectacular.validation import validate_schema

from core.api import document
from core.api.examples import ids_without_example
from core.management.documents import DocumentCommand


class Command(DocumentCommand):
    help = "Write docs/openapi.json from the endpoints; with --check, fail when it is not up to date."

    def generate(self) -> tuple[Path, str]:
        """Return the document. Raises CommandError if it would include extensions or is incomplete."""
        if settings.EXTENSIONS:
            raise CommandError(
                "docs/openapi.json describes Pomelo alone: run this without EXTENSIONS. What the extensions add is in the "
                "document that /v1/openapi.json serves."
            )
        try:
            content = document.generate()
            # Validated only here, because it takes longer than generating the document, which servers with extensions do at runtime.
            found = orjson.loads(content)
            validate_schema(found)
        except document.IncompleteDescription as error:
            raise CommandError(str(error)) from error
        for place in ids_without_example(found):
            raise CommandError(
                f'{place} has no example of its id: add one, such as "Thing.id", to the app\'s `api/examples`.'
            )
        return document.PATH, content.decode()
