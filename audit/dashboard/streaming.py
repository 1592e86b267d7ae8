"""Files that are sent while they are read."""

from collections.abc import Iterator

from django.http import StreamingHttpResponse


def download(body: Iterator[bytes], content_type: str, name: str) -> StreamingHttpResponse:
    """Return `body` as a file to save."""
    response = StreamingHttpResponse(body, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
