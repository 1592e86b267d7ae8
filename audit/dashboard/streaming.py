"""Streaming file downloads."""

from collections.abc import Iterator
from typing import cast

from django.http import HttpResponse, StreamingHttpResponse

from core.background.heavy import HeavyBody, acquire_slot
from core.tenancy import require_tenant


def download(body: Iterator[bytes], content_type: str, name: str) -> HttpResponse:
    """Return `body` as a download. Raises TemporarilyUnavailable if the company has too many downloads running."""
    place = acquire_slot(require_tenant().company_id)
    response = StreamingHttpResponse(HeavyBody(body, place), content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    # Views are typed as returning HttpResponse; Django also accepts a streaming response.
    return cast(HttpResponse, response)
