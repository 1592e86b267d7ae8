"""Bulk actions: cancel messages, remove suppressions."""

from __future__ import annotations

from operator import attrgetter

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from accounts.access import CompanyRequest, company_page, safe_next
from accounts.roles import Role
from core.ui.bulk import Bulk, confirm_or_run
from messaging import services
from messaging.models import Message, Suppression


def _name_of(message: Message) -> str:
    return message.subject or message.public_id


CANCEL = Bulk(
    field="message",
    list_name="Messages",
    verb="Cancel",
    note="They are not sent, and no longer count against the daily caps. This cannot be undone.",
    done="canceled",
    name_of=_name_of,
    check=services.check_cancel,
)
REMOVE = Bulk(
    field="suppression",
    list_name="Suppressions",
    verb="Remove",
    note="Messages can be sent to these addresses again.",
    done="removed",
    name_of=attrgetter("address"),
)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def cancel_selected(request: CompanyRequest) -> HttpResponse:
    """Confirm, then cancel the selected messages."""
    return confirm_or_run(
        request,
        CANCEL,
        find=Message.by_public_ids,
        act=lambda row: services.cancel_message(message=row, actor=request.principal),
        back=safe_next(request, "/messages/"),
    )


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def remove_selected(request: CompanyRequest) -> HttpResponse:
    """Confirm, then remove the selected addresses from the suppression list."""
    return confirm_or_run(
        request,
        REMOVE,
        find=Suppression.by_public_ids,
        act=lambda row: services.delete_suppression(suppression=row, actor=request.principal),
        back=safe_next(request, "/messages/suppressions/"),
    )
