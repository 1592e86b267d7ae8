"""The addresses of the documentation. Anybody may read it, signed in or not."""

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
    """Lead to the first page."""
    return redirect("pages:doc", slug=FIRST)


@require_safe
def doc_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one page beside the list of all of them, with what is in it."""
    document = _document(slug)
    _enter(request)
    page = rendering.render(document.text, document.folder)
    context = {"document": document, "page": page, "sections": sections()}
    return render(request, "pages/doc.html", context)


@require_safe
def doc_markdown(request: HttpRequest, slug: str) -> HttpResponse:
    """Hand out a page as it was written."""
    return HttpResponse(_document(slug).text, content_type=MARKDOWN)


@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """Show what of the documentation fits a question."""
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
    """List the pages for programs that read (https://llmstxt.org), each as Markdown."""
    lines = [
        "# Pomelo",
        "",
        "> An API platform that a company hosts itself: customers, invoices, charges, messages and webhooks, by API keys that a",
        "> leak can hardly hurt. Every page below is Markdown.",
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
    """Hand out the API as a collection that Postman, Bruno, Insomnia and Hoppscotch import."""
    content = collection(api_document.current(), settings.PUBLIC_URL)
    response = HttpResponse(content, content_type="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="pomelo.postman_collection.json"'
    return response


@require_safe
def verify_audit(request: HttpRequest) -> FileResponse:
    """Hand out the program that checks a proof of the trail without us (docs/audit.md)."""
    file = (FOLDER / "verify_audit.py").open("rb")
    return FileResponse(file, as_attachment=True, content_type="text/x-python; charset=utf-8")


def _document(slug: str) -> Document:
    """Return the page at that address. Raises Http404."""
    document = find_document(slug)
    if document is None:
        raise Http404
    return document


def _enter(request: HttpRequest) -> None:
    """Give somebody who is signed in the shell of their company."""
    if isinstance(request.user, User):
        memberships = memberships_of(request.user)
        if memberships:
            enter(request, memberships)
