"""PDF responses for browsers."""

from django.http import HttpResponse

from billing.export.documents import Document


def pdf_response(document: Document) -> HttpResponse:
    """Return a PDF that the browser displays, and saves under its file name."""
    return HttpResponse(
        document.content,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{document.name}"'},
    )
