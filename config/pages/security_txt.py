"""`/.well-known/security.txt` (RFC 9116): whom to tell about a weakness, and about an exposed key."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from core import clock

# Read again long before it lapses: the file is written anew for every reader (RFC 9116 §2.5.5 advises under a year).
VALID_FOR = timedelta(days=180)


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """Name the contacts, most preferred first: the operator's own when there is one, then the page for found keys."""
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
