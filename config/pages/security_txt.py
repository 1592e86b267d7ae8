"""`/.well-known/security.txt` (RFC 9116): contacts for vulnerabilities and exposed keys."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from core import clock

# The file is generated for every request, so this is always in the future (RFC 9116 §2.5.5 recommends less than a year).
VALID_FOR = timedelta(days=180)


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """List the contacts in order of preference: the operator's own, if any, then the page for exposed keys."""
    found_key = settings.PUBLIC_URL + reverse("apikeys:found_key")
    lines = [
        "# Found an exposed key (pm_live_..., pm_test_...)? Report it on the page of the last Contact.",
        *(f"Contact: {contact}" for contact in (*settings.SECURITY_CONTACTS, found_key)),
        f"Expires: {clock.rfc3339((clock.now() + VALID_FOR).replace(microsecond=0))}",
        "Preferred-Languages: en",
        f"Canonical: {settings.PUBLIC_URL}/.well-known/security.txt",
        f"Policy: {settings.PUBLIC_URL}/docs/security/",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
