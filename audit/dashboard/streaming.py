"""Files that are sent while they are read."""

from collections.abc import Iterator
from typing import cast

from django.http import HttpResponse, StreamingHttpResponse

from core.background.heavy import HeavyBody, take_place
from core.tenancy import require_tenant


def download(body: Iterator[bytes], content_type: str, name: str) -> HttpResponse:
    """Return `body` as a file to save. Raises TemporarilyUnavailable when the company is reading as many as it may at a time."""
    place = take_place(require_tenant().company_id)
    response = StreamingHttpResponse(HeavyBody(body, place), content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    # Views are typed by what they have in common with other answers; Django serves both.
    return cast(HttpResponse, response)
