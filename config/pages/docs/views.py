"""The documentation's views, which do not require a sign-in."""

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.access import enter
from accounts.models import User
from accounts.selectors import memberships_of
from config.pages.docs import rendering
from config.pages.docs.documents import FIRST, FOLDER, Document, find_document, sections
from config.pages.docs.search import MAX_QUESTION, search
from core.api import document as api_document
from core.api.postman import collection

MARKDOWN = "text/markdown; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"


@require_safe
def docs_index(request: HttpRequest) -> HttpResponse:
    """Redirect to the first page."""
    return redirect("pages:doc", slug=FIRST)


@require_safe
def doc_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Render one page with the sidebar and its table of contents."""
    document = _document(slug)
    _enter(request)
    page = rendering.render(document.text, document.folder)
    context = {"document": document, "page": page, "sections": sections()}
    return render(request, "pages/doc.html", context)


@require_safe
def doc_markdown(request: HttpRequest, slug: str) -> HttpResponse:
    """Return a page as Markdown."""
    return HttpResponse(_document(slug).text, content_type=MARKDOWN)


@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """Render search results."""
    _enter(request)
    question = request.GET.get("q", "").strip()[:MAX_QUESTION]
    hits = search(question)
    context = {
        "question": question,
        "hits": [hit for hit in hits if not hit.section.document.is_for_operators],
        "for_operators": [hit for hit in hits if hit.section.document.is_for_operators],
        "sections": sections(),
    }
    return render(request, "pages/doc_search.html", context)


@require_safe
def llms_txt(request: HttpRequest) -> HttpResponse:
    """List the Markdown pages for language models (https://llmstxt.org)."""
    lines = [
        "# Pomelo",
        "",
        "> A self-hosted API platform: customers, invoices, charges, messages and webhooks, with API keys that limit what a",
        "> leak can do. Every page below is Markdown.",
    ]
    for name, documents in sections():
        lines += ["", f"## {name}", ""]
        lines += [f"- [{one.title}]({settings.PUBLIC_URL}/docs/{one.slug}.md)" for one in documents]
    lines += [
        "",
        "## Machine-readable",
        "",
        f"- [API document (OpenAPI 3.1)]({settings.PUBLIC_URL}/v1/openapi.json)",
        f"- [Postman collection]({settings.PUBLIC_URL}/docs/pomelo.postman_collection.json)",
        "",
    ]
    return HttpResponse("\n".join(lines), content_type=PLAIN)


@require_safe
def postman_collection(request: HttpRequest) -> HttpResponse:
    """Download the API as a collection for Postman, Bruno, Insomnia and Hoppscotch."""
    content = collection(api_document.current(), settings.PUBLIC_URL)
    response = HttpResponse(content, content_type="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="pomelo.postman_collection.json"'
    return response


@require_safe
def verify_audit(request: HttpRequest) -> FileResponse:
    """Download the stand-alone program that verifies an audit proof (docs/audit.md)."""
    file = (FOLDER / "verify_audit.py").open("rb")
    return FileResponse(file, as_attachment=True, content_type="text/x-python; charset=utf-8")


def _document(slug: str) -> Document:
    """Return the page with this slug. Raises Http404."""
    document = find_document(slug)
    if document is None:
        raise Http404
    return document


def _enter(request: HttpRequest) -> None:
    """Set the current company of a signed-in user, so that the page has their shell."""
    if isinstance(request.user, User):
        memberships = memberships_of(request.user)
        if memberships:
            enter(request, memberships)
