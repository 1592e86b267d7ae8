"""The page behind the link in bulk mail. Nobody signs in: the signed link is the authorization.

A GET changes nothing, because scanners open every link of an email; a POST unsubscribes immediately and never redirects (RFC 8058
§3.2). It needs neither cookies nor a CSRF token: to forge the request, one would have to know the link.
"""

from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.selectors import current_company
from core.http.requests import Request, actor_of
from core.tenancy import tenant_context
from messaging.links import read_token
from messaging.models import Message, Recipient
from messaging.selectors.messages import find_recipient
from messaging.selectors.suppressions import find_unsubscription
from messaging.services.clicks import count_click
from messaging.services.suppressions import resubscribe_recipient, unsubscribe_recipient

UNDO = "undo"


@dataclass(frozen=True, slots=True)
class _Subscription:
    """The recipient's bulk mail topic, and whether they are still subscribed."""

    company: str
    topic: str
    address: str
    is_left: bool


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe_page(request: Request, token: str) -> HttpResponse:
    """Show the topic of the link; a POST unsubscribes, and one with `action=undo` undoes that."""
    wait = count_click(request.client_ip)
    if wait is not None:
        refusal = render(request, "429.html", status=429)
        refusal.headers["Retry-After"] = str(wait)
        return _hidden(refusal)
    recipient_id = read_token(token)
    recipient = find_recipient(recipient_id) if recipient_id else None
    if recipient is None:
        raise Http404
    subscription = _apply(request, recipient)
    context = {"subscription": subscription, "done": request.method == "POST"}
    return _hidden(render(request, "messaging/unsubscribe.html", context))


def _apply(request: Request, recipient: Recipient) -> _Subscription:
    with tenant_context(recipient.tenant):
        message = Message.objects.get(id=recipient.message_id)
        if not message.topic:
            raise Http404
        if request.method == "POST":
            actor = actor_of(request, kind="system", id="messaging.unsubscribe", name="link in bulk mail")
            act = resubscribe_recipient if request.POST.get("action") == UNDO else unsubscribe_recipient
            act(message=message, recipient=recipient, actor=actor)
        return _Subscription(
            company=current_company().name,
            topic=message.topic,
            address=recipient.address,
            is_left=find_unsubscription(message, recipient) is not None,
        )


def _hidden(response: HttpResponse) -> HttpResponse:
    """Keep the link out of search engines."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
